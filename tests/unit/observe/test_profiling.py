"""Profiling: a page in itself, bounded in memory, written whatever happens."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.observe import profiling
from pipeline.observe.profiling import profiled, require_writable, thinned

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = re.compile(r"""https?://(?!www\.w3\.org/)|["'(]//|@import""")
"""What a page would load from others."""


def work(seconds: float) -> None:
    """Use up processor time."""
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        sum(range(100))


@given(st.lists(st.tuples(st.text(max_size=2), st.integers(0, 9).map(float)), max_size=9))
def test_thinning_keeps_the_time(records: list[tuple[str, float]]) -> None:
    """Half of the samples stand for the time of all."""
    kept = thinned(records)

    assert len(kept) == (len(records) + 1) // 2
    assert sum(seconds for _, seconds in kept) == sum(seconds for _, seconds in records)
    assert [stack for stack, _ in kept] == [stack for stack, _ in records[::2]]


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    """It is a page in itself, and names what took the time; whoever asked is told."""
    page = tmp_path / "out.html"
    told: list[str | None] = []

    with profiled(page, "a run", told.append):
        work(0.05)

    text = page.read_text()
    assert told == [None]
    assert text.lstrip().startswith("<!DOCTYPE html>")
    assert ELSEWHERE.search(text) is None
    assert "def work" not in text
    assert "work" in text


def test_it_is_written_when_the_body_fails(tmp_path: Path) -> None:
    """The error goes on its way."""
    page = tmp_path / "out.html"

    with pytest.raises(SystemExit), profiled(page, "a run", lambda _: None):
        raise SystemExit(3)
    assert page.stat().st_size > 0


def test_a_page_that_cannot_be_written_at_last_is_told(tmp_path: Path) -> None:
    """It costs the run nothing."""
    told: list[str | None] = []

    with profiled(tmp_path / "gone" / "out.html", "a run", told.append):
        pass
    assert told == ["No such file or directory"]


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many samples come, so many are kept; their time is not lost."""
    monkeypatch.setattr(profiling, "_MOST", 10)
    sizes: list[int] = []

    def noted(records: list[tuple[object, float]]) -> list[tuple[object, float]]:
        sizes.append(len(records))
        return thinned(records)

    monkeypatch.setattr(profiling, "thinned", noted)
    with profiled(tmp_path / "out.html", "a run", lambda _: None):
        work(0.1)

    assert len(sizes) > 1
    assert set(sizes) == {10}


def test_looking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    """What it holds stays, and what cannot be opened is refused."""
    (tmp_path / "out.html").write_text("old")

    require_writable(tmp_path / "out.html")
    assert (tmp_path / "out.html").read_text() == "old"
    with pytest.raises(IsADirectoryError):
        require_writable(tmp_path)
