"""The board tells truth from claim, and a mutation that fits from one that does not."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bench.reliability.board import Context, Edit, Figures, Mutation, Row, measure
from bench.reliability.loads import Load
from bench.reliability.mutants import apply
from bench.reliability.publish import BEGIN, END, Store, write_table
from bench.reliability.rows import all_rows
from bench.reliability.running import CHECKOUT, TRANSPORT_VARIABLE, over
from bench.reliability.truth import account_errors, compare
from tests.engine.local import DynamoDBLocal

if TYPE_CHECKING:
    from pathlib import Path

LOAD = Load(seed=1, records=60, keys=20, bad_every=7, poison_every=11)


def test_the_last_good_record_of_a_key_is_the_truth() -> None:
    """A table that holds these, and nothing else, is right."""
    last = LOAD.last()
    assert compare(LOAD, [LOAD.item(ordinal) for ordinal in last.values()]).same
    assert all(LOAD.is_good(ordinal) for ordinal in last.values())


def test_every_difference_is_told() -> None:
    """An item that is missing, one that is older, and one too many are counted apart."""
    last = LOAD.last()
    items = {key: LOAD.item(ordinal) for key, ordinal in last.items()}
    missing, older, *_ = items
    del items[missing]
    items[older] = {**items[older], "version": {"N": "-1"}}
    items["more"] = {"PK": {"S": "more"}}
    found = compare(LOAD, items.values())
    assert (found.lost, found.wrong, found.extra) == (1, 1, 1)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz"])
def test_a_source_is_a_function_of_its_seed(name: str, tmp_path: Path) -> None:
    """Written twice it has the same lines, one for each record and, in a CSV, one for the names."""
    load = Load(seed=3, records=20, name=name)
    assert [*load.lines()] == [*Load(seed=3, records=20, name=name).lines()]
    assert len([*load.lines()]) == 20 + (".csv" in name)
    assert load.write(tmp_path).stat().st_size > 0


def _account(**changes: Any) -> list[str]:
    """Judge a right account of LOAD, with *changes*."""
    must, _ = LOAD.refused_lines()
    letters = [{"line": line, "kind": "schema"} for line in must]
    report = {
        "records": 60,
        "total": 60,
        "succeeded": 40,
        "superseded": 20 - len(must),
        "rejected": len(must),
        "failed": 0,
    }
    letters = changes.pop("letters", letters)
    return account_errors(LOAD, {**report, **changes}, letters)


def test_a_right_account_is_right() -> None:
    """Sums that agree with source and dead letters are no error."""
    assert _account() == []


@pytest.mark.parametrize(
    "change",
    [
        {"total": 59},
        {"records": 59},
        {"succeeded": 41},
        {"rejected": 0, "succeeded": 60},
        {"letters": []},
        {"letters": [{"line": 1, "kind": "schema"}] * 2},
    ],
    ids=str,
)
def test_a_wrong_account_is_told(change: dict[str, Any]) -> None:
    """A sum that does not hold, or a dead letter that is not due, is an error."""
    assert _account(**change) != []


def _row(figures: Figures) -> Row:
    mutation = Mutation("nothing", (Edit("a.py", "old", "new"),))
    return Row("R99", "A row.", "How.", "passes", "peers", lambda _: figures, mutation)


def test_a_measurement_that_breaks_is_no_success() -> None:
    """An exception in a row is told as an error, and its folder is gone."""
    seen: list[Path] = []

    def broken(context: Context) -> Figures:
        seen.append(context.folder)
        raise ValueError("broken")

    row = Row("R99", "", "", "", "", broken, Mutation("", ()))
    result = measure(row, "ci", 1, DynamoDBLocal())
    assert result.verdict == "error"
    assert "broken" in result.figures.detail
    assert not seen[0].exists()


def test_results_are_kept_and_shown(tmp_path: Path) -> None:
    """The JSON has each row, and the table stands between its markers, the prose around it."""
    document, table = tmp_path / "board.json", tmp_path / "board.md"
    row = _row(Figures(passed=False, figure="1 of 2 | lost"))
    store = Store(document, "ci", 5)
    store.add_result(row, measure(row, "ci", 5, DynamoDBLocal()))
    assert json.loads(document.read_text())["rows"]["R99"]["verdict"] == "red"
    table.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_table(table, [row], store.document)
    text = table.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| R99 ✗ | **A row.** How. | 1 of 2 \\| lost (0 s) | passes | peers |" in text


def test_a_mutation_must_fit(tmp_path: Path) -> None:
    """Code that is not there, or there twice, is told instead of broken."""
    file = tmp_path / "a.py"
    mutation = Mutation("", (Edit("a.py", "old", "new"),))
    file.write_text("old old")
    assert apply(mutation, tmp_path) is not None
    file.write_text("other")
    assert apply(mutation, tmp_path) is not None
    file.write_text("an old one")
    assert apply(mutation, tmp_path) is None
    assert file.read_text() == "an new one"


@pytest.mark.skipif(not (CHECKOUT / "pipeline").exists(), reason="the package is installed")
@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.id)
def test_a_rows_mutation_fits_the_code(row: Row) -> None:
    """Each of a row's mutations still names code that is there, once: else it proves nothing."""
    for mutation in row.mutations:
        assert mutation.edits
        for edit in mutation.edits:
            assert (CHECKOUT / edit.file).read_text().count(edit.old) == 1, edit


def test_the_board_can_be_measured_over_either_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable says which; without it the program chooses, as it does for its users."""
    job = {"name": "job", "target": {"table": "Board"}}
    monkeypatch.delenv(TRANSPORT_VARIABLE, raising=False)
    assert over(job) == job
    monkeypatch.setenv(TRANSPORT_VARIABLE, "sdk")
    assert over(job) == {"name": "job", "target": {"table": "Board", "transport": "sdk"}}
    assert over({"name": "no target"}) == {"name": "no target"}


def test_all_who_ask_at_once_are_given_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second engine would be scanned for what the first one holds: all of it, lost."""
    started: list[str] = []

    def find(_: DynamoDBLocal) -> str:
        time.sleep(0.05)  # as long as others need to ask too
        started.append(f"http://127.0.0.1:{len(started)}")
        return started[-1]

    monkeypatch.setattr(DynamoDBLocal, "_find", find)
    local = DynamoDBLocal()
    with ThreadPoolExecutor(4) as pool:
        given = {*pool.map(lambda _: local.endpoint(), range(4))}
    local.close()

    assert given == {started[0]}
    assert len(started) == 1
