"""A JSON array: elements are told apart, and what stands around them is checked."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError, SourceCorruptError
from tests.unit.sources.drive import file_source, outcomes, read_all, records_of

if TYPE_CHECKING:
    from pathlib import Path


def _outcomes(path: Path, text: bytes, **options: Any) -> list[Any]:
    path = path / "part.json"
    path.write_bytes(text)
    return outcomes(path, **options)


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        (b'{"id":3,}', "json_syntax"),
        (b'{"id" 3}', "json_syntax"),
        (b'{"id":3} {"id":4}', "json_syntax"),
        (b'{"id":"a\nb"}', "json_syntax"),
        (b"nul", "json_syntax"),
        (b"", "json_syntax"),
        (b'{"id":NaN}', "number"),
        (b'{"id":"\xff"}', "encoding"),
        (b'{"id":3,"id":3}', "duplicate_key"),
        (b"7", "not_an_object"),
        (b'"],["', "not_an_object"),
        (b"[[[{}]]]", "not_an_object"),
        (b'{"id":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "depth"),
    ],
)
def test_a_bad_element_costs_only_itself(tmp_path: Path, element: bytes, rule: str) -> None:
    """Its neighbours are read, and it is refused by the rule that it breaks."""
    text = b'[{"id":1},\n' + element + b',\n{"id":2}]'

    assert _outcomes(tmp_path, text) == [{"id": 1}, rule, {"id": 2}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[]", []),
        (b" [ \n ] \n", []),
        (b"\xef\xbb\xbf[{}]", [{}]),
        (b'[{"id":1}]', [{"id": 1}]),
        (b'[{"id":1},]', [{"id": 1}, "json_syntax"]),
        (b'[,{"id":1}]', ["json_syntax", {"id": 1}]),
        (b'[{"a":"]\\"}"},{"a":"\\\\"}]', [{"a": ']"}'}, {"a": "\\"}]),
    ],
)
def test_small_arrays(tmp_path: Path, text: bytes, expected: list[Any]) -> None:
    """An array may be empty; brackets and quotes inside of texts are text."""
    assert _outcomes(tmp_path, text) == expected


def test_elements_over_several_lines(tmp_path: Path) -> None:
    """A record's line is the one where it begins, its bytes are its own alone."""
    path = tmp_path / "part.json"
    path.write_bytes(b'[\n  {\n    "id": 1\n  },\n\n  {"id": 2}, {"id": 3}\n]\n')

    records = records_of(asyncio.run(read_all(file_source(path))))

    assert [record.line for record in records] == [2, 6, 6]
    assert [record.raw for record in records] == [
        b'{\n    "id": 1\n  }',
        b'{"id": 2}',
        b'{"id": 3}',
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'[{"id":1},\n{"id":2}', "line 2: an element begins here and does not end"),
        (b'[{"id":1},\n{"id":2},\n', r"line 3: the JSON array is not closed by '\]'"),
        (b"[", r"line 1: the JSON array is not closed by '\]'"),
        (b'[{"id":1},\n{"id":{},\n{"id":3}]', "line 2: an element begins here"),
        (b'[{"id":1},\n{"id":"x},\n{"id":3}]', "line 2: an element begins here"),
        (b'[{"id":1}]\n[{"id":2}]', "line 2: something follows the JSON array"),
        (b'[{"id":1}]]', "line 1: something follows the JSON array"),
    ],
)
def test_a_broken_array_ends_the_run(tmp_path: Path, text: bytes, says: str) -> None:
    """Where the frame itself is broken the file is corrupt, and the message says where."""
    with pytest.raises(SourceCorruptError, match=rf"'part\.json', {says}"):
        _outcomes(tmp_path, text)


def test_records_before_the_damage_are_given(tmp_path: Path) -> None:
    """What stood before the broken place was handed on, whole."""
    path = tmp_path / "part.json"
    path.write_bytes(b"[" + b",".join(b'{"id":%d}' % number for number in range(3_000)))
    source = file_source(path)
    seen: list[int] = []

    async def read() -> None:
        (part,) = await source.parts()
        async for chunk in source.read(part):
            seen.extend(record.ordinal for record in chunk.records)

    with pytest.raises(SourceCorruptError):
        asyncio.run(read())
    assert seen == [*range(len(seen))]
    assert len(seen) >= 2_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", r"is blank, which is no JSON; an empty array is written \[\]"),
        (b" \n", "is blank"),
        (b'{"id":1}\n{"id":2}\n', "set source.format: jsonl if it has one object a line"),
        (b"id,name\n", "is not a JSON array"),
    ],
)
def test_what_is_no_array_is_told_before_anything_is_read(
    tmp_path: Path, text: bytes, says: str
) -> None:
    """A file of another form is found by its first character."""
    with pytest.raises(PreflightError, match=rf"'part\.json' .*{says}"):
        _outcomes(tmp_path, text)
    with pytest.raises(PreflightError, match=rf"'part\.json' .*{says}"):
        _outcomes(tmp_path, text, format="json")


@pytest.mark.parametrize("element", [b'{"id":"%s"}', b"[[[[[[[[%s]]]]]]]]", b"%s"])
def test_an_element_too_long_is_refused_and_described(tmp_path: Path, element: bytes) -> None:
    """Its first bytes, its length and its hash are kept; its neighbours are read."""
    long = element % (b"9" * 700_000)
    path = tmp_path / "part.json"
    path.write_bytes(b'[{"id":1},' + long + b',{"id":2}]')
    source = file_source(path, max_record=1_000)

    first, refused, last = records_of(asyncio.run(read_all(source)))

    assert refused.violation is not None
    assert refused.violation.rule == "record_too_long"
    assert (refused.raw, refused.length) == (long[:256], len(long))
    assert refused.digest == hashlib.sha256(long).hexdigest()
    assert (first.raw, last.raw) == (b'{"id":1}', b'{"id":2}')
