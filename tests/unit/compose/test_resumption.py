"""Going on: what is compared, what is refused, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.compose.resumption.beginning import Claim
from pipeline.compose.resumption.earlier import Earlier, pick, require_same_table
from pipeline.compose.stages import Input
from pipeline.errors import PreflightError
from pipeline.model import Position
from pipeline.observe.metrics import Tally
from pipeline.sources.base import GenerateSpec, Part
from pipeline.sources.generate import GenerateSource
from pipeline.stages.checkpoints import restored_totals
from pipeline.state.unfinished import Unfinished
from pipeline.table.description import TableDescription

if TYPE_CHECKING:
    from pathlib import Path

WANTED: dict[str, Any] = {
    "definition": {"schema": "a", "items": "b", "write.mode": "c", "source settings": "d"},
    "parts": [{"name": "u.jsonl", "compression": "none", "size": 900, "mtime_ns": 7, "head": "e"}],
    "table": {"name": "Users", "arn": "arn:1", "created": "2026-11-22T10:00:00+00:00"},
}


def document(limit: int | None = None) -> dict[str, Any]:
    """Make the checkpoint of a run that has settled 300 records."""
    return {
        "run": "20261122T100000Z-aaaaaa",
        "fingerprint": WANTED,
        "verified": {},
        "attempts": 1,
        "limit": limit,
        "position": asdict(Position("u.jsonl", 700, 300, 300)),
        "stretch": None,
        "consumed": 700,
        "in_part": 700,
        "letters": None,
        "tally": Tally(records=300, succeeded=300).as_json(),
        "samples": [],
    }


def unfinished(folder: Path, limit: int | None = None) -> Unfinished:
    """Make an unfinished run."""
    return Unfinished("20261122T100000Z-aaaaaa", folder, document(limit), False, None)  # noqa: FBT003 - of the record


INPUT = Input(GenerateSource(GenerateSpec(count=1)), [Part("u.jsonl")])


@pytest.mark.parametrize(
    ("part", "name", "value", "told"),
    [
        ("definition", "schema", "x", "the definition's `schema` has changed"),
        ("definition", "write.mode", "x", "the definition's `write.mode` has changed"),
        ("table", "name", "Other", "it wrote to table 'Users', and this is 'Other'"),
        ("table", "created", "later", "table 'Users' is another one than it was (created)"),
        ("table", "id", "x", "table 'Users' is another one than it was (id)"),
        ("parts", "size", 901, "'u.jsonl' had 900 bytes and has 901"),
        ("parts", "mtime_ns", 8, "was written to since (its modification time has changed)"),
        ("parts", "head", "x", "'u.jsonl' has changed (head)"),
        ("parts", "name", "v.jsonl", "'u.jsonl' is no part of the source any more"),
    ],
)
def test_what_has_changed_is_told(
    part: str, name: str, value: object, told: str, tmp_path: Path
) -> None:
    """The refusal names the run, the reason and the way out; nothing starts over in silence."""
    old = WANTED[part]
    changed = [{**old[0], name: value}] if part == "parts" else {**old, name: value}

    with pytest.raises(PreflightError) as caught:
        asyncio.run(pick([unfinished(tmp_path)], {**WANTED, part: changed}, INPUT))

    assert told in str(caught.value)
    assert "20261122T100000Z-aaaaaa is unfinished, with 300 records settled" in str(caught.value)
    assert "--fresh" in str(caught.value)


def test_other_bytes_before_the_position_are_told(tmp_path: Path) -> None:
    """A file whose size and times are the same may still not be the one that was read."""

    class Rewritten(GenerateSource):
        async def stretch(self, *_: object) -> dict[str, int | str]:  # type: ignore[override]  # a generator has none
            return {"end": 700, "sha256": "what stands there now"}

    source = Rewritten(GenerateSpec(count=1))
    one = unfinished(tmp_path)
    assert one.document is not None
    same = {**one.document, "stretch": {"end": 700, "sha256": "what stands there now"}}
    other = {**one.document, "stretch": {"end": 700, "sha256": "what was read"}}
    read = Input(source, [Part("u.jsonl")])

    assert asyncio.run(pick([replace(one, document=same)], WANTED, read)) is not None
    with pytest.raises(PreflightError, match="has other bytes before byte 700"):
        asyncio.run(pick([replace(one, document=other)], WANTED, read))


def test_where_a_run_went_on_is_told_as_it_was(tmp_path: Path) -> None:
    """The totals are counted on; the place where this attempt began stays."""
    earlier = asyncio.run(pick([unfinished(tmp_path)], WANTED, INPUT))
    assert earlier is not None
    earlier.totals.position = Position("u.jsonl", 900, 400, 400)

    expected = {"part": "u.jsonl", "record": 300, "line": 300, "offset": 700}
    assert earlier.resumed_from == expected


def test_another_table_is_told_before_anything_is_made(tmp_path: Path) -> None:
    """A mistaken name is neither created nor said to be gone."""
    require_same_table([unfinished(tmp_path)], "Users")
    with pytest.raises(PreflightError, match="it wrote to table 'Users', and this is 'Usres'"):
        require_same_table([unfinished(tmp_path)], "Usres")


@pytest.mark.parametrize(
    ("begun_with", "limit", "refused"),
    [(None, None, False), (None, 1_000, True), (500, 500, False), (500, 299, True),
     (500, None, False)],
)  # fmt: skip
def test_a_quick_look_does_not_end_a_load(
    begun_with: int | None, limit: int | None, tmp_path: Path, *, refused: bool
) -> None:
    """``--limit`` on the unfinished run of a whole source would close it: that is refused."""
    folder = tmp_path / "users" / "20261122T100000Z-aaaaaa"
    folder.mkdir(parents=True)
    one = unfinished(folder, begun_with)
    claim = Claim(tmp_path, "users", "20261122T110000Z-bbbbbb", [one], kept=True, fresh=False)

    if refused:
        with pytest.raises(PreflightError, match="would end it there: run without --limit"):
            asyncio.run(claim.begin(INPUT, WANTED, limit))
    else:
        assert asyncio.run(claim.begin(INPUT, WANTED, limit)).run == one.run


def test_a_run_that_has_settled_nothing_has_nothing_to_lose(tmp_path: Path) -> None:
    """It was stopped while its source was verified: a look may take its place."""
    folder = tmp_path / "users" / "20261122T100000Z-aaaaaa"
    folder.mkdir(parents=True)
    kept = {**document(), "tally": Tally().as_json(), "position": None}
    one = replace(unfinished(folder), document=kept)
    claim = Claim(tmp_path, "users", "20261122T110000Z-bbbbbb", [one], kept=True, fresh=False)

    assert asyncio.run(claim.begin(INPUT, WANTED, 1)).run == one.run


def test_a_table_is_the_same_in_every_time_zone() -> None:
    """The SDK tells when a table was created in local time, which differs from shell to shell."""
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)
    tables = [
        TableDescription.from_response(
            {
                "TableName": "Users",
                "TableStatus": "ACTIVE",
                "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
                "CreationDateTime": moment.astimezone(timezone(timedelta(hours=hours))),
            }
        )
        for hours in (0, 9)
    ]

    assert tables[0].created is not None
    assert tables[0].created.isoformat() == str(tables[1].created and tables[1].created.isoformat())


def test_restored_totals_are_a_copy_of_their_own() -> None:
    """Whoever counts on does not change what the checkpoint said."""
    kept = document()
    restored_totals(kept).tally.refuse("schema")

    assert kept["tally"]["by_kind"] == {}
    assert isinstance(Earlier("r", restored_totals(kept), kept, fell_back=False).verified, dict)
