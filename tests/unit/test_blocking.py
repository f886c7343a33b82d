"""The detector of blocking calls that other tests rely on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.blocking import BlockedLoop, no_blocking


async def test_a_file_opened_on_the_loop_is_caught() -> None:
    """The call raises where it stands, and the message says where that is."""
    with no_blocking("tests"), pytest.raises(BlockedLoop, match=r"open.*test_blocking:\d+"):
        Path(__file__).open().close()  # noqa: ASYNC230 - the crime itself


async def test_a_file_opened_in_a_thread_is_fine() -> None:
    """Where it cannot stall the loop, opening a file is allowed."""
    with no_blocking("tests"):
        assert await asyncio.to_thread(Path(__file__).read_text)


async def test_what_others_do_is_theirs() -> None:
    """Only the watched package is judged, and only while it is watched."""
    with no_blocking("pipeline"):
        Path(__file__).open().close()  # noqa: ASYNC230 - judged only in the package
    Path(__file__).open().close()  # noqa: ASYNC230 - nobody watches any more


def test_without_a_loop_nothing_is_blocked() -> None:
    """Plain code may open files."""
    with no_blocking("tests"):
        assert Path(__file__).read_text()
