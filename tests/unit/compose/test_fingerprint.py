"""Fingerprint: what must be the same for a resume, and what may differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pipeline.compose.fingerprint import fingerprint_parts
from pipeline.config import Definition, load
from pipeline.config.declare.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
source:
  type: file
  path: a.jsonl
  csv: {null_values: ["", NA]}
schema: {type: object, properties: {a: {type: integer, minimum: 10}, b: {const: "é"}}}
items:
  - key: {PK: "A#{a}", SK: x}
    set: {n: 1.5, t: {from: a, type: N}, c: {value: {x: [1, 2]}}}
    omit: [b, c]
  - key: {PK: "B#{b}", SK: x}
    only: [a]
target: {table: Users}
write: {mode: put}
"""


def parts(folder: Path, text: str, **environment: str) -> dict[str, str]:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return fingerprint_parts(load(path, environment=environment))


def swapped(old: str, new: str, text: str = BASE) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def test_names_and_digests(tmp_path: Path) -> None:
    """Every part has a name that can be shown, and a SHA-256."""
    found = parts(tmp_path, BASE)

    assert list(found) == ["schema", "items", "write.mode", "source settings"]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in found.values())


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + BASE,
        swapped("{type: integer, minimum: 10}", "{minimum: 10, type: integer}"),
        swapped("minimum: 10}", "minimum: 1.0e1}"),
        swapped("A#{a}", "${LETTER:-x}#{a}"),
        swapped('{PK: "A#{a}", SK: x}', '{SK: x, PK: "A#{a}"}'),
        swapped("n: 1.5", "n: 1.50"),
        swapped("omit: [b, c]", "omit: [c, b, c]\n    optional: false"),
        swapped('null_values: ["", NA]', 'null_values: [NA, ""]'),
        swapped("csv: {", 'csv: {delimiter: ",", '),
        swapped("path: a.jsonl", "path: other/b.JSONL.gz"),
        swapped("path: a.jsonl", "path: a.jsonl\n  format: auto\n  max_record: 4MiB"),
        swapped("path: a.jsonl", "path: a.jsonl\n  expect: {records: 7}"),
        swapped("write: {mode: put}", ""),
        swapped("{table: Users}", "{table: Others, endpoint: embedded}"),
        swapped(
            "{mode: put}",
            "{workers: 9, batch_size: 1, linger: 0, timeout: 2s, retry: {attempts: 3}}\n"
            "queues: {capacity: 1, memory: 1GB, chunk: 7}\nerrors: {max_rejected: 1%}\n"
            "checkpoint: {every: 1s}\nlog: {level: debug, hash_keys: true}\nname: other",
        ),
    ],
)
def test_the_same_job(tmp_path: Path, text: str) -> None:
    """How it is written, and what tunes a run, changes nothing."""
    assert parts(tmp_path, text, LETTER="A") == parts(tmp_path, BASE)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (swapped("minimum: 10}", "minimum: 11}"), "schema"),
        (swapped("minimum: 10}", "minimum: 10.000000000000000000000000000000000001}"), "schema"),
        (swapped('const: "é"', 'const: "e"'), "schema"),
        (swapped("{value: {x: [1, 2]}}", "{value: {x: [2, 1]}}"), "items"),
        (swapped("{value: {x: [1, 2]}}", '{value: {x: ["1", 2]}}'), "items"),
        (swapped("{value: {x: [1, 2]}}", "{value: {x: [true, 2]}}"), "items"),
        (swapped("n: 1.5", "n: {value: 1.5}"), "items"),
        (swapped("type: N", "type: S"), "items"),
        (swapped("omit: [b, c]", "omit: [b]"), "items"),
        (swapped("only: [a]", "optional: true"), "items"),
        (swapped('null_values: ["", NA]', "null_values: [NA]"), "source settings"),
        (swapped("csv: {", 'csv: {delimiter: "|", '), "source settings"),
        (swapped("path: a.jsonl", "path: a.jsonl\n  coerce: true"), "source settings"),
        (swapped("path: a.jsonl", "path: a.jsonl\n  format: csv"), "source settings"),
        (swapped("path: a.jsonl", "path: a.jsonl\n  compression: gzip"), "source settings"),
        (swapped("path: a.jsonl", "path: a.jsonl\n  max_record: 1MiB"), "source settings"),
        (swapped("type: file\n  path: a.jsonl", "type: stdin"), "source settings"),
    ],
)
def test_another_job(tmp_path: Path, text: str, name: str) -> None:
    """What changes the items that come out changes the part it stands in, and no other."""
    before, after = parts(tmp_path, BASE), parts(tmp_path, text)

    assert [part for part in before if before[part] != after[part]] == [name]


def test_delete_is_another_job(tmp_path: Path) -> None:
    """Deleting what was to be written is no resume."""
    text = "source: {type: stdin}\ntarget: {table: Users}\nwrite: {mode: %s}\n"

    before, after = (parts(tmp_path, text % mode) for mode in ("put", "delete"))

    assert [part for part in before if before[part] != after[part]] == ["write.mode"]


def test_order_of_items_counts(tmp_path: Path) -> None:
    """A dead letter names an item by its index, so another order is another job."""
    head, first, second = BASE.split("  - key:")
    second, tail = second.split("target:")
    turned = f"{head}  - key:{second}  - key:{first}target:{tail}"

    assert parts(tmp_path, turned)["items"] != parts(tmp_path, BASE)["items"]


def test_a_comma_is_no_default_where_a_name_could_say_tab(tmp_path: Path) -> None:
    """Left out, the delimiter of x.tsv is a tab; a glob may find such a file."""
    for path, same in (("x.csv", True), ("x.tsv", False), ("x/*", False)):
        text = swapped("path: a.jsonl", f'path: "{path}"')
        given = swapped("csv: {", 'csv: {delimiter: ",", ', text)
        assert (parts(tmp_path, text) == parts(tmp_path, given)) is same


def test_schema_file_is_read_in(tmp_path: Path) -> None:
    """A schema in a file of its own counts by what stands in it."""
    inline = "schema: {type: object, properties: {a: {type: integer, minimum: 10}, b: {const: é}}}"
    assert parts(tmp_path, re.sub("schema: .*", inline, BASE)) == parts(tmp_path, BASE)
    (tmp_path / "s.json").write_text(
        '{"properties": {"b": {"const": "\\u00e9"}, "a": {"minimum": 10.0, "type": "integer"}},'
        ' "type": "object"}'
    )
    text = re.sub("schema: .*", "schema: {$ref: s.json}", BASE)
    assert parts(tmp_path, text) == parts(tmp_path, BASE)

    (tmp_path / "s.json").write_text('{"type": "object"}')
    assert parts(tmp_path, text)["schema"] != parts(tmp_path, BASE)["schema"]


def test_generated_records(tmp_path: Path) -> None:
    """Another seed makes other records."""
    text = "source: {type: generate, count: 5, seed: %s}\ntarget: {table: Users}\n"
    zero, one = (parts(tmp_path, text % seed) for seed in (0, 1))

    assert zero == parts(tmp_path, text.replace(", seed: %s", ""))
    assert [part for part in zero if zero[part] != one[part]] == ["source settings"]


def test_the_same_in_every_version() -> None:
    """A checkpoint may outlive the version that wrote it, so these digests stay what they are."""
    written = {"source": {"type": "stdin"}, "target": {"table": "Users"}, "schema": {"minimum": 0}}
    definition = Definition.check(written, (), Trial())

    assert {name: digest[:16] for name, digest in fingerprint_parts(definition).items()} == {
        "schema": "76e7d90b13753c38",
        "items": "7cd652fa75d59ef1",
        "write.mode": "904a70f064c7bdd5",
        "source settings": "f284d6ebb73f6f22",
    }
