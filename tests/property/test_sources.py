"""Laws of reading: the same records however bytes are cut, and wherever reading resumes."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from pipeline.errors import PreflightError, Refused, SourceCorruptError
from pipeline.model import Position
from pipeline.sources import Cut
from pipeline.sources.formats.delimited.rows import CsvFramer
from pipeline.sources.formats.framer import FramerSpec
from pipeline.sources.formats.json_array import JsonArrayFramer
from pipeline.sources.formats.json_decode import decode_object
from pipeline.sources.formats.jsonl import JsonlFramer
from tests.unit.sources.drive import file_source, read_all, read_part, records_of, small_cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.model import Record, Violation
    from pipeline.sources.formats.framer import Framer

LIMIT = 40  # bytes of a record: small, so that too long ones are common

LINES = st.sampled_from(
    [
        b"",
        b" \t",
        b"\r",
        b'{"a":1}',
        b'{"a":"\xe2\x80\xa8"}',
        b"{",
        b"\xff",
        b"x" * (LIMIT - 1),
        b"x" * LIMIT,
        b"x" * LIMIT + b"\r",
        b"x" * (LIMIT + 1),
        b"x" * (LIMIT + 1) + b"\r",
        b"x" * 300 + b"\r\r",
    ]
)
JSONL = st.lists(LINES, max_size=12).map(b"\n".join)

ELEMENTS = st.sampled_from(
    [
        b"",
        b"1",
        b'"a,]}\\""',
        b'{"a": [1, {"b": "}"}], "c": "\\\\"}',
        b'{\n"a":\n1 ,}',
        b"[" * 9 + b"]" * 9,
        b'{"a":1} x',
        b'{"a":"' + b"x" * LIMIT + b'"}',
        b"[" * 9 + b"," * 300 + b"]" * 9,
        b'"' + b"\\\\" * LIMIT + b'"',
        b"1" + b" " * LIMIT,
    ]
)
SPACES = st.sampled_from([b"", b" ", b"\n", b"\r\n\t"])


@st.composite
def _arrays(draw: st.DrawFn) -> bytes:
    elements = draw(st.lists(st.tuples(SPACES, ELEMENTS, SPACES), max_size=8))
    inside = b",".join(b"".join(parts) for parts in elements)
    return draw(SPACES) + b"[" + inside + b"]" + draw(SPACES)


CELLS = st.sampled_from(
    ["", "x", '"x"', '"x,y"', '"x\ny"', '"x\r\ny"', '"x""y"', '"', 'x"y', '"x"y', "x\ry", "\0"]
)
ROWS = st.one_of(
    st.lists(CELLS, min_size=2, max_size=2).map(",".join),
    st.lists(CELLS, max_size=4).map(",".join),
    st.sampled_from(['a","b', '","', 'x,"' + "y" * LIMIT, "z" * 300, "é" * LIMIT]),
)
ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(st.tuples(ROWS, ENDS), max_size=10))
    text = "one,two\n" + "".join(row + end for row, end in rows)
    whole = text.encode().replace("é".encode() * 3, b"\xff\xff\xff")
    return whole[:-1] if draw(st.booleans()) and rows else whole


FORMATS: dict[str, tuple[type[CsvFramer | JsonArrayFramer | JsonlFramer], st.SearchStrategy[bytes]]]
FORMATS = {
    "jsonl": (JsonlFramer, JSONL),
    "json": (JsonArrayFramer, _arrays()),
    "csv": (CsvFramer, _tables()),
}


def _blocks(text: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        yield text[begin:end]


def _frame(framer: Framer, blocks: Iterator[bytes]) -> list[tuple[list[Record], Position]]:
    """Frame *blocks*; give each batch of records with the position after it."""
    batches = [(records, framer.position()) for block in blocks for records in framer.feed(block)]
    batches += [(records, framer.position()) for records in framer.finish()]
    return [batch for batch in batches if batch[0]]


def _facts(batches: Sequence[tuple[list[Record], Position]]) -> list[Any]:
    return [astuple(record) for records, _ in batches for record in records]


@pytest.mark.parametrize("form", FORMATS)
@given(choice=st.data())
def test_cutting_the_bytes_changes_nothing(form: str, choice: st.DataObject) -> None:
    """A text gives the same records, lines, offsets and verdicts in whatever blocks it comes."""
    framer, texts = FORMATS[form]
    text = choice.draw(texts)
    cuts = choice.draw(st.lists(st.integers(0, 2_000), max_size=20))
    spec, start = FramerSpec("part", LIMIT), Position("part", 0, 0, 0)

    whole = _frame(framer(spec, start), iter([text]))
    cut = _frame(framer(spec, start), _blocks(text, cuts))
    single = _frame(framer(spec, start), (bytes([byte]) for byte in text))

    assert _facts(cut) == _facts(whole)
    assert _facts(single) == _facts(whole)


@pytest.mark.parametrize("form", FORMATS)
@given(choice=st.data())
def test_reading_resumes_exactly(form: str, choice: st.DataObject) -> None:
    """From every position that was given out come the records that one clean read has after it."""
    framer, texts = FORMATS[form]
    text = choice.draw(texts)
    cuts = choice.draw(st.lists(st.integers(0, 2_000), max_size=20))
    spec = FramerSpec("part", LIMIT)
    clean = _frame(framer(spec, Position("part", 0, 0, 0)), _blocks(text, cuts))
    facts = _facts(clean)

    done = 0
    for records, position in clean:
        done += len(records)
        assert position.record == done
        rest = _frame(framer(spec, position), iter([text[position.offset :]]))
        assert _facts(rest) == facts[done:]


@pytest.mark.parametrize("form", FORMATS)
@given(choice=st.data())
def test_records_stand_where_they_say(form: str, choice: st.DataObject) -> None:
    """Offset, length and line point at the record's own bytes; ordinals have no gap."""
    framer, texts = FORMATS[form]
    text = choice.draw(texts)
    batches = _frame(framer(FramerSpec("part", LIMIT), Position("part", 0, 0, 0)), iter([text]))

    for ordinal, record in enumerate(record for records, _ in batches for record in records):
        assert record.ordinal == ordinal
        assert record.line == text.count(b"\n", 0, record.offset) + 1
        here = text[record.offset : record.offset + record.length]
        assert record.raw == (here if record.digest is None else here[:256])


@given(
    rows=st.lists(
        st.lists(st.text(alphabet='ab",\n é', max_size=8), min_size=2, max_size=2), max_size=20
    ),
    cuts=st.lists(st.integers(0, 400), max_size=9),
    line_end=ENDS,
)
def test_good_csv_is_what_the_csv_module_reads(
    rows: list[list[str]], cuts: list[int], line_end: str
) -> None:
    """Rows that the csv module wrote come back cell by cell."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=line_end).writerows([["one", "two"], *rows])

    batches = _frame(
        CsvFramer(FramerSpec("part", 10_000), Position("part", 0, 0, 0)),
        _blocks(written.getvalue().encode(), cuts),
    )

    records = [record for batch, _ in batches for record in batch]
    assert [record.cells for record in records] == rows


class WindowFramer(CsvFramer):
    """The plain way of CSV: every line comes to the window."""

    def _quick(self, run: bytes) -> None:
        del run


TAME = st.lists(
    st.lists(st.sampled_from(["", "x", '"x,y"', '"x\ny"', '"\r\n"', '"x""y"', "é"]), max_size=3),
    max_size=60,
)


@given(
    text=_tables() | TAME.map(lambda rows: "\n".join(["a,b", *map(",".join, rows)]).encode()),
    cuts=st.lists(st.integers(0, 2_000), max_size=5),
    limit=st.sampled_from([LIMIT, 10_000]),
    batch=st.sampled_from([1, 3, 25]),
)
def test_csv_read_at_once_is_csv_read_line_by_line(
    text: bytes, cuts: list[int], limit: int, batch: int
) -> None:
    """What nothing is wrong with is framed without the window, to the very same records."""
    spec, start = FramerSpec("part", limit, batch=batch), Position("part", 0, 0, 0)

    plain = _frame(WindowFramer(spec, start), _blocks(text, cuts))
    quick = _frame(CsvFramer(spec, start), _blocks(text, cuts))

    assert _facts(quick) == _facts(plain)
    for records, position in quick:
        assert position.record == records[-1].ordinal + 1
        rest = _frame(WindowFramer(spec, position), iter([text[position.offset :]]))
        assert _facts(rest) == _facts(plain)[position.record :]


@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.integers(0, 999)).map(
            lambda row: f'{row[1]},"broken' if row[0] else f"{row[1]},good"
        )
    ),
    cuts=st.lists(st.integers(0, 400), max_size=9),
)
def test_a_quote_that_is_never_closed_costs_its_own_line(rows: list[str], cuts: list[int]) -> None:
    """Whatever rows leave a quote open, each row without one is read as if it stood alone."""
    text = "\n".join(["one,two", *rows]).encode()

    batches = _frame(
        CsvFramer(FramerSpec("part", 10_000), Position("part", 0, 0, 0)), _blocks(text, cuts)
    )

    records = [record for batch, _ in batches for record in batch]
    assert [record.raw.decode() for record in records] == rows
    assert [record.violation is None for record in records] == ["good" in row for row in rows]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
JSON_OBJECTS = st.dictionaries(st.text(max_size=4), JSON_VALUES, max_size=4)


@given(
    rows=st.lists(JSON_OBJECTS, max_size=8),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
    cuts=st.lists(st.integers(0, 1_000), max_size=9),
)
def test_a_good_array_comes_back(
    rows: list[dict[str, Any]],
    indent: int | None,
    ascii_only: bool,  # noqa: FBT001 - hypothesis gives it by name
    cuts: list[int],
) -> None:
    """Every element of an array is decoded to what was written, however it is laid out."""
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")

    batches = _frame(
        JsonArrayFramer(FramerSpec("part", 10_000), Position("part", 0, 0, 0)), _blocks(text, cuts)
    )

    assert [decode_object(record.raw) for batch, _ in batches for record in batch] == json.loads(
        text
    )


@given(raw=st.binary(max_size=60) | st.text('{}[]",:0.eE-\\ud8tfn', max_size=40).map(str.encode))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    """Nothing that a stranger writes raises anything but a refusal with its reason."""
    violation = _refusal(raw)

    assert violation is None or violation.kind == "malformed"


def _refusal(raw: bytes) -> Violation | None:
    try:
        decode_object(raw)
    except Refused as refused:
        return refused.violations[0]
    return None


@given(pairs=st.lists(st.tuples(st.sampled_from("abc"), JSON_VALUES), max_size=5))
def test_keys_are_counted_right(pairs: list[tuple[str, Any]]) -> None:
    """A record is refused for a duplicate key exactly when it has one."""
    members = ",".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
    raw = f"{{{members}}}".encode()
    twice = len(dict(pairs)) < len(pairs)

    violation = _refusal(raw)

    assert (violation is not None and violation.rule == "duplicate_key") == twice


def _packed(text: bytes, compression: str, members: int) -> bytes:
    size = len(text) // members + 1
    pieces = [text[begin : begin + size] for begin in range(0, len(text), size)] or [b""]
    if compression == "gzip":
        return b"".join(map(gzip.compress, pieces))
    if compression == "zstd":
        press = zstandard.ZstdCompressor(write_checksum=True)
        return b"".join(map(press.compress, pieces))
    return text


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=30)
@given(choice=st.data())
def test_files_resume_exactly(form: str, compression: str, choice: st.DataObject) -> None:
    """A file, compressed or not, resumes after any chunk as if it had never stopped."""
    text = choice.draw(FORMATS[form][1])
    if form == "jsonl" and choice.draw(st.booleans()):
        text = b"\xef\xbb\xbf" + text
    members = choice.draw(st.integers(1, 3))
    block, records = choice.draw(st.integers(1, 50)), choice.draw(st.integers(1, 5))
    # A chunk wherever that is possible, or one for so many records however few bytes they have.
    cut = choice.draw(
        st.sampled_from([small_cut(block, records), Cut(block, records), Cut(200, 1)])
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, f"part.{form}")
        path.write_bytes(_packed(text, compression, members))
        os.utime(path, (1, 1))  # long ago, so that nobody waits for the clock's next tick
        asyncio.run(_check_resuming(path, form, cut))


async def _check_resuming(path: Path, form: str, cut: Any) -> None:
    source = file_source(path, format=form, cut=cut, max_record=LIMIT)
    (part,) = await source.parts()
    clean = await read_part(source, part)
    facts = [astuple(record) for record in records_of(clean)]
    done = 0
    for chunk in clean:
        done += len(chunk.records)
        assert 1 <= len(chunk.records) <= cut.records
        assert chunk.end.record == done
        afresh = file_source(path, format=form, cut=cut, max_record=LIMIT)
        rest = await read_part(afresh, part, chunk.end)
        assert [astuple(record) for record in records_of(rest)] == facts[done:]
        assert all(later.header == chunk.header for later in rest)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@settings(max_examples=30)
@given(flip=st.integers(0), size=st.integers(0, 40))
def test_a_flipped_bit_never_ends_clean(compression: str, flip: int, size: int) -> None:
    """A damaged file is told, unless the damage changed nothing that it holds."""
    text = b"".join(b'{"id":%d}\n' % number for number in range(size))
    packed = bytearray(_packed(text, compression, 1))
    at = flip % (len(packed) * 8)
    packed[at // 8] ^= 1 << at % 8

    assert _text_of(bytes(packed), compression) in (None, text)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@settings(max_examples=30)
@given(cut=st.integers(1), tail=st.binary(max_size=6), size=st.integers(1, 40))
def test_a_cut_file_never_ends_clean(compression: str, cut: int, tail: bytes, size: int) -> None:
    """Whatever is missing at the end, and whatever stands there instead, it is no clean end."""
    text = b"".join(b'{"id":%d}\n' % number for number in range(size))
    whole = _packed(text, compression, 1)
    packed = whole[: -(1 + cut % (len(whole) - 1))] + tail

    restored = packed.startswith(whole)  # by chance, and what follows may be padding
    assert _text_of(packed, compression) in ((None, text) if restored else (None,))


def _text_of(packed: bytes, compression: str) -> bytes | None:
    """Read a file of *packed* bytes; None: it was told to be damaged, by its name."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "part.jsonl")
        path.write_bytes(packed)
        os.utime(path, (1, 1))  # long ago, so that nobody waits for the clock's next tick
        source = file_source(path, compression=compression)
        with suppress_damage() as damage:
            chunks = asyncio.run(read_all(source))
            return b"".join(record.raw + b"\n" for record in records_of(chunks))
    assert damage
    return None


@contextmanager
def suppress_damage() -> Iterator[list[str]]:
    """Catch what a damaged file raises, before or while it is read; it names the file."""
    told: list[str] = []
    try:
        yield told
    except (PreflightError, SourceCorruptError) as error:
        told.append(str(error))
    assert all("part.jsonl" in message for message in told)
