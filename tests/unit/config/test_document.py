"""YAML as it is read here: version 1.2, exact, and without what a definition never needs."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config import load
from pipeline.errors import DefinitionError
from tests.unit.config.conftest import START

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.config.conftest import Load, Refuse


def constant(load_text: Load, text: str) -> Any:
    return load_text(f"{START}schema:\n  const: {text}\n").record_schema["const"]


@pytest.mark.parametrize(
    "text",
    [
        *("NO", "no", "on", "yes", "Y", "nul"),
        *("12:30:00", "2026-01-02", "1.2.3"),
        *("010", "00", "-01", "00.5", "1_000", "0x", "0o9", "+", ".", "e3", "=", "1e"),
    ],
)
def test_stays_text(load_text: Load, text: str) -> None:
    """What YAML 1.1 turns into booleans, times, dates and octals is text, as is a leading zero."""
    assert constant(load_text, text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("0", 0),
        ("-12", -12),
        ("+5", 5),
        ("0x1F", 31),
        ("0o17", 15),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1.10", Decimal("1.10")),
        ("1e3", Decimal("1E+3")),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
        ("-0.0", Decimal("-0.0")),
        ('"1"', "1"),
        ("'true'", "true"),
        ("|-\n    1", "1"),
    ],
)
def test_resolved(load_text: Load, text: str, value: object) -> None:
    """The core schema of YAML 1.2, with numbers exactly as written."""
    found = constant(load_text, text)

    assert (type(found), str(found)) == (type(value), str(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".inf", "infinity and NaN cannot be stored"),
        ("-.INF", "infinity and NaN cannot be stored"),
        (".nan", "infinity and NaN cannot be stored"),
        ("1" * 201, "a number of 201 characters"),
        ("1e99999999999999999999", "impossible exponent"),
    ],
)
def test_impossible_numbers(refused: Refuse, text: str, message: str) -> None:
    """A number that no attribute could hold is refused where it stands."""
    found = refused(f"{START}schema:\n  const: {text}\n")

    assert found.startswith("pipeline.yaml:4:10: schema.const: ")
    assert message in found


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("name: a\nname: b", "4:1", "duplicate key `name`: it already stands on line 3"),
        ("name: &x a", "3:7", "anchors (`&name`) are refused"),
        ("name: !!str a", "3:7", "tags (`!name`) are refused"),
        ("write: {<<: *x}", "3:9", "merge keys (`<<`) are refused"),
        ("name: *x", "3:7", "aliases (`*name`) are refused"),
        ("--- \nname: b", "3:1", "a second document starts here"),
        ("? [a, b]\n: c", "3:3", "a key must be text"),
        ("name: [a", "3:7", "YAML syntax: did not find expected ',' or ']'"),
        ("write:\n\tworkers: 5", "4:1", "a tab is no indentation in YAML"),
        ('name: "\\q"', "3:8", "YAML syntax: found unknown escape character"),
        ("items: [{key: {PK: USER#{user_id}}}]", "3:25", 'a template needs quotes here: "USER#'),
        ("log: {level: ${LEVEL}}", "3:15", "put `${VAR}` in quotes if it is text"),
        ("name: a\x07", "3:8", "character U+0007 is not allowed"),
        ("items: [{key: {PK: A #{b}\n}}]", "3:20", "` #` starts a comment, so the field is lost"),
    ],
)
def test_refused(refused: Refuse, text: str, place: str, message: str) -> None:
    """What a definition never needs, and what is no YAML, is refused with its place."""
    found = refused(f"{START}{text}\n")

    assert f"pipeline.yaml:{place}: " in found
    assert message in found
    assert "problems in" not in found


def test_directive(refused: Refuse) -> None:
    """A directive could turn the language into another one."""
    assert "YAML directives are refused" in refused(f"%YAML 1.1\n---\n{START}")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~"])
def test_empty(refused: Refuse, text: str) -> None:
    """An empty file is told what it needs."""
    found = refused(text)

    assert "`source`" in found
    assert "`target`" in found


@pytest.mark.parametrize("text", ["text", "- a\n- b", "5"])
def test_no_mapping(refused: Refuse, text: str) -> None:
    """Something else than keys and values is told apart from an empty file."""
    assert "a definition is keys and values" in refused(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, another encoding and a file of records each have their message."""
    (tmp_path / "users.yaml").write_text(START)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * 65_537)

    for name, message in [
        ("user.yaml", f"no such file; did you mean `{tmp_path / 'users.yaml'}`?"),
        ("nothing", "no such file"),
        ("", "a folder; name the YAML file in it"),
        ("latin.yaml", ":1:10: byte 0xe9 is no UTF-8"),
        ("big.yaml", "longer than 64 KiB"),
        ("a\0b", "cannot be read: no valid path"),
    ]:
        with pytest.raises(DefinitionError) as caught:
            load(tmp_path / name, environment={})
        assert message in str(caught.value)


def test_bom_and_line_ends(load_text: Load, refused: Refuse) -> None:
    """A BOM is no character of the first key, and lines may end as Windows ends them."""
    text = "\ufeff" + START.replace("\n", "\r\n")

    assert load_text(text).target.table == "Users"
    assert refused(text + "nme: a\r\n").endswith("    3 | nme: a\n      | ^^^")


HOSTILE = {
    "nested lists": "[" * 65_000,
    "nested maps": "{a: " * 16_000,
    "nested blocks": "- " * 30_000,
    "complex keys": "? " * 30_000,
    "a flat list": "[" + "a," * 32_000 + "]",
    "many keys": "\n".join(f"k{i}: v" for i in range(4_900)),
    "one key again": "\n".join("a: 1" for _ in range(4_900)),
    "aliases": "a: &a [x,x]\n" + "\n".join(f"b{i}: &b{i} [*a,*a]" for i in range(2_000)),
    "tags": "\n".join(f"a{i}: !t 1" for i in range(4_000)),
    "variables": "\n".join(f"k{i}: ${{A{i}}}" for i in range(3_000)),
    "open variables": 'k: "' + "${" * 30_000 + '"',
    "a long number": "k: " + "9" * 60_000,
    "a long key": "t" * 1_000 + ": v",
    "braces": 'items: [{key: {PK: "' + "{" * 60_000 + '"}}]',
    "items": "items: [" + ",".join("{}" for _ in range(4_000)) + "]",
    "a bomb of aliases": "a: &a [x,x,x]\n"
    + "".join(f"a{i}: &a{i} [*a{i - 1 or ''},*a{i - 1 or ''}]\n" for i in range(1, 2_000)),
    "merge keys": "a: &a {x: 1}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(2_000)),
    "objects": "\n".join(f"a{i}: !!python/object/apply:os.abort []" for i in range(1_500)),
    "braces alone": "{" * 65_000,
    "unknown keys": START + "\n".join(f"k{i}: v" for i in range(4_900)),
    "a variable again": START + "k: '" + "${LONG}" * 8_000 + "'",
    "a power of ten": START + "schema: {multipleOf: 1e-999999}",
    "an impossible power of ten": START + "schema: {minimum: 1e99999999999999999999}",
    "a long hexadecimal": START + "schema: {minimum: 0x" + "f" * 60_000 + "}",
    "a long octal": START + "schema: {const: 0o" + "7" * 60_000 + "}",
    "NUL": "\0" * 60_000,
    "a huge key": START + '"' + "k" * 60_000 + '": v',
    "a nested pattern": START + "schema: {pattern: '" + "(" * 10_000 + ")" * 10_000 + "'}",
    "a repeated pattern": START + "schema: {pattern: '(((a{999}){999}){999}){999}'}",
    "comments": "#" * 65_000,
    "empty lines": "\n" * 65_000,
    "documents": "---\n" * 16_000,
    "constants": "items: [{set: {" + ",".join(f"a{i}: [1]" for i in range(2_400)) + "}}]",
}


def counted(work: Callable[[], object]) -> int:
    """Return how many Python functions *work* calls: what it costs, on any machine."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(5)
def test_hostile_files(refused: Refuse, name: str) -> None:
    """A file made to cost time or memory is refused with a short text, for little work."""
    refused(START + "nme: 1", LONG="")  # what is made once is not counted
    said = ""

    def load() -> None:
        nonlocal said
        said = refused(HOSTILE[name], LONG="x" * 100_000)

    assert counted(load) < 250_000  # of which ten thousand take about a millisecond
    assert len(said) < 40_000


def test_limits(refused: Refuse) -> None:
    """Depth and number of nodes are bounded while the file is parsed, not afterwards."""
    assert "pipeline.yaml:1:22: nested deeper than 20 levels" in refused("[" * 65_000)
    assert "more than 10,000 keys and values" in refused("[" + "a," * 32_000 + "]")
    found = refused(START + "\n".join(f"k{i}: v" for i in range(4_900)))
    assert found.endswith("500 problems in pipeline.yaml, or more: the rest was not looked at")
    text = START + "schema: {const: '" + "${LONG}" * 4 + "'}"
    found = refused(text, LONG="x" * 70_000)
    assert "schema.const: with `${LONG}` more than 256 KiB are filled in" in found
    assert "xxx" not in found
