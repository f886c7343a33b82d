"""Laws of loading a definition."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.config.document.scalars import resolve
from pipeline.errors import DefinitionError
from tests.unit.config.test_definition import FULL

if TYPE_CHECKING:
    from pathlib import Path

LINES = FULL.strip().splitlines()
MARKS = [*"{}[]:-#'\"|&*!?,%$0\t\0\x85\u2028", "&a", "*a", "!t", "<<", "${A}", "$${", "0x"]
WORDS = sorted(set(re.findall(r"[a-z_]{3,}", FULL)))
PIECES = st.sampled_from([*MARKS, " ", "\n", *WORDS])


@pytest.fixture(scope="module", name="file")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("definition") / "pipeline.yaml"


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Draw a right definition with some of its lines dropped, moved or written over."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(lines[at])))
        end = draw(st.integers(column, len(lines[at])))
        piece = "".join(draw(st.lists(PIECES, max_size=3)))
        lines[at] = lines[at][:column] + piece + lines[at][end:]
    return "\n".join(lines)


def judge(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        load(file, environment={"A": "hunter2"})
    except DefinitionError as error:
        text = str(error)
        assert text.startswith(str(file))
        assert "hunter2" not in text


@given(spoilt())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mistake_is_told(file: Path, text: str) -> None:
    """Whatever is done to a definition, it loads or is refused, in no other way."""
    judge(file, text.encode())


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"\xef\xbb\xbf")
@example(b"\x00")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_judged(file: Path, content: bytes) -> None:
    """A file of anything at all is judged."""
    judge(file, content)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(number: Decimal) -> None:
    """A number means what is written, digit by digit, or it is text."""
    found = resolve(str(number))

    if isinstance(found, int | Decimal):
        assert str(Decimal(found)) == str(number) or str(found) == str(int(number))
    else:
        assert found == str(number)
