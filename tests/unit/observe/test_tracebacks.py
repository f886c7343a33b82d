"""Tracebacks: where it was and what it was, and not a word of what the data said."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import StorageError
from pipeline.observe.tracebacks import install_hooks, safe_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "4111-1111"


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it did not fail")


class NamedError(Exception):
    """An error of the test's own."""


def parse() -> int:
    return int(SECRET)


def chained() -> None:
    try:
        parse()
    except ValueError as error:
        error.add_note(f"record {SECRET}")
        failure = NamedError(SECRET)
        failure.add_note("stage: writer-2")
        raise failure from error


def while_handling() -> None:
    try:
        parse()
    except ValueError:
        raise KeyError(SECRET)  # noqa: B904 - without a cause, that is what is tested


def grouped() -> None:
    raise BaseExceptionGroup(SECRET, [caught(parse), caught(chained), KeyboardInterrupt(SECRET)])


def deep(levels: int) -> int:
    return deep(levels - 1) if levels else parse()


@pytest.mark.parametrize("work", [parse, chained, while_handling, grouped, lambda: deep(900)])
def test_nothing_of_a_foreign_error_is_shown(work: Callable[[], object]) -> None:
    """Types, files, lines and functions are; texts, notes and source lines are not."""
    shown = safe_traceback(caught(work))

    assert SECRET not in shown
    assert "SECRET" not in shown
    assert "ValueError\n" in shown
    assert shown.count(f"{__file__}:") >= 2
    assert " in parse" in shown
    assert len(shown) < 10_000


def test_chains_and_stages_are_told() -> None:
    """What caused what, in whose stage, and what lay in a group."""
    shown = safe_traceback(caught(grouped)).splitlines()

    heads = [line for line in shown if not line.startswith("  ")]
    assert heads == [
        "BaseExceptionGroup",
        "in that group: ValueError",
        f"in that group: {__name__}.NamedError (stage: writer-2)",
        "in that group: KeyboardInterrupt",
        "caused by: ValueError",
    ]
    assert "while dealing with: ValueError" in safe_traceback(caught(while_handling))


def test_our_own_texts_are_shown() -> None:
    """They are written so that no value is in them."""

    def ours() -> None:
        raise StorageError("no room")

    assert safe_traceback(caught(ours)).startswith("pipeline.errors.StorageError: no room\n")
    assert safe_traceback(None) == ""


def test_a_ring_of_errors_ends() -> None:
    """Errors that caused each other are each told once; of very many, the first."""
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    group = BaseExceptionGroup("", [ValueError() for _ in range(1_000)])

    assert safe_traceback(one) == "ValueError\ncaused by: KeyError"
    assert safe_traceback(group).endswith("... and more errors")


def test_what_python_prints_itself_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of threads and finalizers, and what libraries report, go the same way."""
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    said: list[str] = []
    install_hooks(said.append)

    class Finalized:
        def __del__(self) -> None:
            parse()

    thread = threading.Thread(target=parse, name="t1")
    thread.start()
    thread.join()
    Finalized()
    gc.collect()
    sys.excepthook(ValueError, caught(parse), None)
    asyncio.run(forgotten())
    gc.collect()

    assert len(said) == 4
    assert said[0].startswith("in thread t1: ValueError\n")
    assert said[1].startswith("ignored: ValueError\n")
    assert said[2].startswith("ValueError\n")
    assert said[3].startswith("asyncio (error): ")
    assert " in parse" in said[3]
    assert SECRET not in "".join(said)


async def forgotten() -> None:
    """Leave a future behind whose error nobody asks for."""
    asyncio.get_running_loop().create_future().set_exception(caught(parse))
