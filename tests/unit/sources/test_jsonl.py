"""JSON Lines: what ends a line, what is no record, and what a bad line costs."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import PreflightError
from pipeline.sources import Cut
from tests.unit.sources.drive import file_source, outcomes, read_all, records_of

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b'{"id":1}\n%s\n{"id":2}\n'


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"id":', "json_syntax"),
        (b'{"id":3}{"id":4}', "json_syntax"),
        (b'{"id":3,}', "json_syntax"),
        (b"id,name", "json_syntax"),
        (b'{"id":NaN}', "number"),
        (b'{"id":"\xff\xfe"}', "encoding"),
        (b'{"id":"\\ud800"}', "encoding"),
        (b"[1,2]", "not_an_object"),
        (b'{"id":3,"id":4}', "duplicate_key"),
        (b'{"id":' + b"[" * 100_000, "depth"),
        (b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
        (b'{"id":3}\r{"id":4}', "json_syntax"),
        (b'\xef\xbb\xbf{"id":3}', "json_syntax"),
        (b"\0", "json_syntax"),
    ],
)
def test_a_bad_line_costs_only_itself(tmp_path: Path, line: bytes, rule: str) -> None:
    """Its neighbours are read, and it is refused by the rule that it breaks."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(GOOD % line)

    assert outcomes(path) == [{"id": 1}, rule, {"id": 2}]


@pytest.mark.parametrize("space", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, space: str) -> None:
    """What Python's splitlines takes for a line end is text, escaped or (where JSON allows) not."""
    path = tmp_path / "part.jsonl"
    allowed = space if ord(space) > 0x1F else f"\\u{ord(space):04x}"
    path.write_text(f'{{"id":"a{allowed}b"}}\n{{"id":2}}', encoding="utf-8")

    assert outcomes(path) == [{"id": f"a{space}b"}, {"id": 2}]


def test_line_ends_and_blank_lines(tmp_path: Path) -> None:
    """CRLF is a line end, blank lines are no records but count, and the last needs no end."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(b'\n{"id":1}\r\n \t\r\n\r\n{"id":2}\n\n{"id":3}')

    records = records_of(asyncio.run(read_all(file_source(path))))

    assert [record.raw for record in records] == [b'{"id":1}', b'{"id":2}', b'{"id":3}']
    assert [record.line for record in records] == [2, 5, 7]
    assert [record.offset for record in records] == [1, 17, 27]
    assert [record.ordinal for record in records] == [0, 1, 2]


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path) -> None:
    """It is taken off the beginning of the file; offsets still count it."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id":1}\n')

    (record,) = records_of(asyncio.run(read_all(file_source(path))))

    assert (record.raw, record.offset) == (b'{"id":1}', 3)


@pytest.mark.parametrize(("text", "count"), [(b"", 0), (b"\n", 0), (b" \n\n ", 0), (b"{}", 1)])
def test_small_files(tmp_path: Path, text: bytes, count: int) -> None:
    """A file may be empty: it holds no records."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(text)

    assert len(outcomes(path)) == count


@pytest.mark.parametrize("count", [1, 99, 100, 101, 999, 1_000, 1_001, 2_500])
def test_every_line_is_a_record(tmp_path: Path, count: int) -> None:
    """None is lost or doubled at the ends of chunks, and chunks keep to their size."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(b"".join(b'{"id":%d}\n' % number for number in range(count)))
    source = file_source(path)

    chunks = asyncio.run(read_all(source))

    assert [source.decode(record, None)["id"] for record in records_of(chunks)] == [*range(count)]
    assert max(len(chunk.records) for chunk in chunks) <= 1_000
    assert chunks[-1].end.record == chunks[-1].end.line == count
    assert chunks[-1].end.offset == chunks[-1].consumed == path.stat().st_size


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (1_000, [25, 50, 100, 200, 400, 800, 1_000, 1_000]),
        (100, [25, 50, 100, 100]),
        (60, [25, 50, 50]),
        (3, [3, 3, 3]),
    ],
)
def test_the_first_chunks_of_a_reading_are_small(
    tmp_path: Path, most: int, sizes: list[int]
) -> None:
    """So a checkpoint moves soon after each start, and never by more than what was asked for."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(b"".join(b'{"id":%d}\n' % number for number in range(5_000)))

    chunks = asyncio.run(read_all(file_source(path, cut=Cut(records=most))))

    assert [len(chunk.records) for chunk in chunks[: len(sizes)]] == sizes
    assert max(len(chunk.records) for chunk in chunks) <= most


def test_large_records_make_small_chunks(tmp_path: Path) -> None:
    """A chunk is closed at a quarter of a megabyte, so a few of them fit into memory."""
    path = tmp_path / "part.jsonl"
    path.write_bytes((b'{"id":"' + b"x" * 50_000 + b'"}\n') * 60)

    chunks = asyncio.run(read_all(file_source(path)))

    sizes = [sum(record.length for record in chunk.records) for chunk in chunks]
    assert max(sizes) <= 2 * 256 * 1024 + 50_000
    assert len(records_of(chunks)) == 60


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("length", [1_001, 2_000, 700_000])
def test_a_line_too_long_is_refused_and_described(
    tmp_path: Path, length: int, line_end: bytes
) -> None:
    """Its first bytes, its length and its hash are kept; the lines around it are read."""
    long = b"[" * length
    path = tmp_path / "part.jsonl"
    path.write_bytes(b'{"id":1}\n' + long + line_end + (b'{"id":2}' if line_end else b""))
    source = file_source(path, max_record=1_000, format="jsonl")

    first, refused, *rest = records_of(asyncio.run(read_all(source)))

    assert refused.violation is not None
    assert refused.violation.rule == "record_too_long"
    assert "1000 bytes" in refused.violation.message
    assert refused.raw == long[:256]
    assert refused.length == length
    assert refused.digest == hashlib.sha256(long).hexdigest()
    assert first.raw == b'{"id":1}'
    assert [record.raw for record in rest] == ([b'{"id":2}'] if line_end else [])


def test_a_line_as_long_as_allowed_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed, and a line end does not count."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(b'{"id":"' + b"x" * 991 + b'"}\r\n')

    assert outcomes(path, max_record=1_000) == [{"id": "x" * 991}]
    assert outcomes(path, max_record=999) == ["record_too_long"]


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1}\n'.encode("utf-16"),
        '{"id":1}\n'.encode("utf-16-le"),
        '{"id":1}\n'.encode("utf-16-be"),
        '{"id":1}\n'.encode("utf-32"),
        '{"id":1}\n'.encode("utf-32-le"),
    ],
)
def test_utf_16_is_told_before_anything_is_read(tmp_path: Path, text: bytes) -> None:
    """Every line would be refused; one sentence says how to convert the file."""
    path = tmp_path / "part.jsonl"
    path.write_bytes(text)

    with pytest.raises(PreflightError, match=r"'part\.jsonl' is UTF-16 .* iconv"):
        outcomes(path)
