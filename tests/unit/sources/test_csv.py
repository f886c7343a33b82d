"""CSV: what makes a row, what a bad row costs, and what its header must be."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import PreflightError
from pipeline.sources import CsvSpec, FileSpec, open_source
from pipeline.sources.formats.delimited.window import MAX_LINES
from tests.unit.sources.drive import file_source, outcomes, read_all, records_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.model import Record


def _write(folder: Path, text: bytes, name: str = "part.csv") -> Path:
    path = folder / name
    path.write_bytes(text)
    return path


def _records(folder: Path, text: bytes, **options: Any) -> list[Record]:
    return records_of(asyncio.run(read_all(file_source(_write(folder, text), **options))))


@pytest.mark.parametrize(
    ("row", "rule", "says"),
    [
        (b"3", "csv_columns", "1 cell, header has 2"),
        (b"3,c,d", "csv_columns", "3 cells, header has 2"),
        (b"3,", None, ""),
        (b"3,\xff", "encoding", "byte 2"),
        (b'3,"c"d', "csv_quote", "followed by something other than ','"),
        (b'3,"c', "csv_quote", "a quote opens on line 3 and is not closed before the end"),
        (b"3,c\rd", "csv_line_end", "carriage return stands alone"),
        (b'3,"\xff\n"', "encoding", "byte 3"),
    ],
)
def test_a_bad_row_costs_only_itself(
    tmp_path: Path, row: bytes, rule: str | None, says: str
) -> None:
    """Its neighbours are read, and it is refused by the rule that it breaks."""
    records = _records(tmp_path, b"id,name\n1,a\n" + row + b"\n2,b\n")

    assert [record.raw for record in records] == [b"1,a", row, b"2,b"]
    assert records[0].cells == ["1", "a"]
    assert records[2].cells == ["2", "b"]
    violation = records[1].violation
    assert (violation.rule if violation else None) == rule
    assert says in (violation.message if violation else "")


def test_a_quote_that_is_never_closed_swallows_nothing(tmp_path: Path) -> None:
    """The csv module would take all rows after it for one cell; here they are rows."""
    rows = b"".join(b'%d,"name, of %d"\n' % (number, number) for number in range(5_000))
    records = _records(tmp_path, b'id,name\n0,"oops\n' + rows)

    refused, *good = records

    assert refused.violation is not None
    assert (refused.violation.rule, refused.raw, refused.line) == ("csv_quote", b'0,"oops', 2)
    assert "opens on line 2 and is not closed before line 3" in refused.violation.message
    assert [record.cells for record in good] == [
        [str(number), f"name, of {number}"] for number in range(5_000)
    ]


def test_an_open_quote_in_front_of_plain_rows(tmp_path: Path) -> None:
    """Without any other quote there is no error to be seen, only the end of the file."""
    rows = b"".join(b"%d,plain\n" % number for number in range(5_000))

    refused, *good = _records(tmp_path, b'id,name\n0,"oops\n' + rows)

    assert refused.violation is not None
    assert "not closed before the end of the file" in refused.violation.message
    assert len(good) == 5_000
    assert all(record.violation is None for record in good)


@pytest.mark.parametrize(
    ("limit", "says"), [(2_000, "within 2000 bytes"), (10_000_000, f"within {MAX_LINES} lines")]
)
def test_an_open_quote_is_given_up_at_a_limit(tmp_path: Path, limit: int, says: str) -> None:
    """A row that outgrows bytes or lines is taken for a quote that was never closed."""
    rows = b"".join(b"%d,plain\n" % number for number in range(MAX_LINES + 100))

    refused, *good = _records(tmp_path, b'id,name\n0,"oops\n' + rows + b'1,"\n', max_record=limit)

    assert refused.violation is not None
    assert says in refused.violation.message
    assert len(good) == MAX_LINES + 101
    assert sum(record.violation is not None for record in good) == 1


def test_quoted_cells_may_hold_anything(tmp_path: Path) -> None:
    """Line ends, commas, doubled quotes and NUL; the row's bytes and first line are its own."""
    text = b'id,name\r\n1,"a\r\nb, ""c""\n"\r\n\r\n2,x\0y\r\n3,d"e\r\n'

    records = _records(tmp_path, text)

    assert [record.cells for record in records] == [
        ["1", 'a\r\nb, "c"\n'],
        ["2", "x\0y"],
        ["3", 'd"e'],
    ]
    assert [record.line for record in records] == [2, 6, 7]
    assert records[0].raw == b'1,"a\r\nb, ""c""\n"'
    assert text[records[2].offset :] == b'3,d"e\r\n'


def test_rows_are_what_the_csv_module_reads(tmp_path: Path) -> None:
    """A file of many blocks comes back cell by cell, rows over many lines included."""
    rows = [
        [str(number), 'x"\n,y' * (number % 7), "\r\n".join("abc" * (number % 3))]
        for number in range(6_000)
    ]
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["id", "one", "two"], *rows])

    records = _records(tmp_path, written.getvalue().encode())

    assert [record.cells for record in records] == rows


@pytest.mark.parametrize(
    ("text", "count"),
    [(b"id", 0), (b"id\n", 0), (b"\n\nid\n\n", 0), (b"id\n1", 1), (b'"id"\n1', 1)],
)
def test_small_files(tmp_path: Path, text: bytes, count: int) -> None:
    """A header alone is a file without records; blank lines are none."""
    assert len(_records(tmp_path, text)) == count


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"id,name,id,x,x\n1,2,3,4,5\n", "the same name for columns 1 and 3"),
        (b"id,,name\n1,2,3\n", "no name for column 2 of its 3"),
        (b"id,name,\n", "no name for column 3"),
        (b"", "is empty: a CSV file begins with its column names"),
        (b"\n\n", "is empty"),
        (b"id,name\r1,a\r2,b\r", "lone carriage return; convert it: tr"),
        (b'"id,name\n1,2\n', "has a header that is no valid CSV"),
        (b'"id"x,name\n1,2\n', "has a header that is no valid CSV"),
        (b"id,n\xe4me\n1,2\n", "has a header that is not UTF-8"),
        (b"\xff\xfei\0d\0\n\0", "is UTF-16"),
        (b'{"id":1}\n', "begins like JSON; set source.format: jsonl or csv"),
    ],
)
def test_a_header_that_cannot_be_used_is_told_first(
    tmp_path: Path, header: bytes, says: str
) -> None:
    """Duplicate and empty names, and files that are no CSV, are found before the first row."""
    with pytest.raises(PreflightError, match=r"'part\.csv'.*" + says):
        _records(tmp_path, header)


def test_a_header_may_be_quoted_and_marked(tmp_path: Path) -> None:
    """A byte order mark is no part of the first name; a name may span lines."""
    path = _write(tmp_path, b'\xef\xbb\xbf"id","full\nname"\r\n1,a\r\n')

    assert outcomes(path) == [{"id": "1", "full\nname": "a"}]


def test_cells_like_null_values_are_absent(tmp_path: Path) -> None:
    """Such a cell is left out, by default an empty one; nothing else is touched."""
    path = _write(tmp_path, b"id,name,note\n1,,NA\n2, ,0\n")

    assert outcomes(path) == [{"id": "1", "note": "NA"}, {"id": "2", "name": " ", "note": "0"}]
    assert outcomes(path, csv=CsvSpec(null_values=("NA",))) == [
        {"id": "1", "name": ""},
        {"id": "2", "name": " ", "note": "0"},
    ]


def test_delimiters(tmp_path: Path) -> None:
    """A .tsv file has tabs unless the definition says otherwise."""
    assert outcomes(_write(tmp_path, b"a\tb\n1\t2,3\n", "part.tsv")) == [{"a": "1", "b": "2,3"}]
    assert outcomes(_write(tmp_path, b"a;b\n1;2\n"), csv=CsvSpec(delimiter=";")) == [
        {"a": "1", "b": "2"}
    ]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_line_too_long_is_refused_and_described(tmp_path: Path, quote: bytes) -> None:
    """Its first bytes, its length and its hash are kept; its neighbours are read."""
    long = b"3," + quote + b"x" * 700_000 + quote
    text = b"id,name\n1,a\n" + long + b"\n2,b\n"

    first, refused, last = _records(tmp_path, text, max_record=1_000)

    assert refused.violation is not None
    assert refused.violation.rule == "record_too_long"
    assert (refused.raw, refused.length) == (long[:256], len(long))
    assert refused.digest == hashlib.sha256(long).hexdigest()
    assert (first.raw, last.raw) == (b"1,a", b"2,b")
    assert last.offset == text.index(b"2,b")


def test_a_cell_longer_than_the_csv_module_allows_by_itself(tmp_path: Path) -> None:
    """The module's own limit of 131,072 characters is out of the way."""
    long = b"y" * 300_000

    (record,) = _records(tmp_path, b'id,name\n1,"' + long + b'"\n')

    assert record.cells == ["1", long.decode()]


@pytest.mark.parametrize(
    ("header", "given", "told"),
    [
        ("id;name", None, "source.csv.delimiter: ';'"),
        ("id\tname", None, r"source.csv.delimiter: '\\t'"),
        ("id;name", ";", None),
        ("id;name", ",", None),
        ('"last, first"', None, None),
        ("id,name", None, None),
    ],
)
async def test_a_header_of_one_column_that_holds_a_delimiter_is_asked_about(
    header: str, given: str | None, told: str | None, tmp_path: Path
) -> None:
    """Probably the delimiter is another; stated in the definition, it is taken as it is."""
    (tmp_path / "a.csv").write_text(f"{header}\n1\n")
    source = open_source(FileSpec("a.csv", tmp_path, csv=CsvSpec(given)))

    if told is None:
        await source.parts()
    else:
        with pytest.raises(PreflightError, match=told):
            await source.parts()
