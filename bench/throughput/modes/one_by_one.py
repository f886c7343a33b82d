"""
Run our program with its stages one after the other, and take each one's processor time.

    python -m bench.throughput.modes.one_by_one TOLD COMMAND [ARGUMENT ...]

The real program runs the COMMAND with everything wired as always; only its `Flow` is replaced by
one whose channels hold everything, and in which a stage begins when the one before has ended. So
each stage works on the same records as in a load, and nothing else works meanwhile. What was taken
is written as JSON, seconds by stage, into the file TOLD.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from pipeline.compose import execution
from pipeline.core.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pipeline.core.channel import Channel
    from pipeline.model import Chunk, Value
    from pipeline.stages.validator import Rules, Shortcuts

__all__ = ["OneByOne"]

_taken: dict[str, float] = {}
_rules: list[Rules] = []


@contextmanager
def _timed(name: str) -> Iterator[None]:
    # What earlier stages left behind is not walked again by a collection of this one's objects.
    gc.collect()
    gc.freeze()
    started = time.process_time()
    yield
    _taken[name] = _taken.get(name, 0.0) + time.process_time() - started


class OneByOne(Flow):
    """A flow whose stages run one after the other; copies of a stage run together."""

    def __init__(self, group: asyncio.TaskGroup, *, capacity: int) -> None:
        super().__init__(group, capacity=0 * capacity)
        self._turns: list[tuple[str, object, list[Callable[[], Awaitable[None]]]]] = []
        self._driven = group.create_task(self._drive(), name="one by one")

    def _spawn(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        *,
        drains: Channel[Any] | None = None,
        closes: tuple[Any, ...] = (),
    ) -> None:
        async def turn() -> None:
            await work()
            for channel in closes:
                channel.close()

        if self._turns and drains is not None and self._turns[-1][1] is drains:
            self._turns[-1][2].append(turn)
        else:
            self._turns.append((name.partition("-")[0], drains, [turn]))

    async def _drive(self) -> None:
        # The stages are named before the group first waits.
        for name, drains, copies in self._turns:
            if name == "validator":
                _steps(drains)
            with _timed(name):
                async with asyncio.TaskGroup() as running:
                    for turn in copies:
                        running.create_task(_awaited(turn))


async def _awaited(turn: Callable[[], Awaitable[None]]) -> None:
    await turn()


def _steps(inbox: Any) -> None:
    """Take the validator's three steps by themselves, each over all records, by the quick ways."""
    rules = _rules[-1]
    short = rules.short
    assert short is not None, "a run has its short ways"
    waiting = inbox._queue._queue  # noqa: SLF001 - nobody else may look into a channel
    chunks: list[Chunk] = [one for one in waiting if hasattr(one, "records")]
    with _timed("decode"):
        fields = [one for chunk in chunks for one in _fields(short, chunk)]
    cells = any(chunk.header is not None for chunk in chunks)
    transform = short.typed if cells else rules.transform
    with _timed("schema and mapping"):
        mapped = [transform(one) for one in fields]
    with _timed("encode"):
        for items in mapped:
            for _, attributes in items:
                rules.encode(attributes)


def _fields(short: Shortcuts, chunk: Chunk) -> list[dict[str, Value]]:
    if chunk.header is None:
        return [short.text(record.raw) for record in chunk.records]
    read = short.rows(chunk.header)
    return [read(record.cells) for record in chunk.records if record.cells is not None]


def main() -> None:
    """Run the command, then tell what was taken."""
    from pipeline.cli import main as command  # noqa: PLC0415 - as the program itself does
    from pipeline.compose import stages  # noqa: PLC0415 - with what it needs

    wired = stages._rules  # noqa: SLF001 - the one place that knows a run's rules

    def noted(*given: Any) -> Rules:
        _rules.append(wired(*given))
        return _rules[-1]

    told, sys.argv = Path(sys.argv[1]), ["pipeline", *sys.argv[2:]]
    replaced = patch.object(execution, "Flow", OneByOne), patch.object(stages, "_rules", noted)
    try:
        with replaced[0], replaced[1]:
            command()
    finally:
        told.write_text(json.dumps(_taken), encoding="utf-8")


if __name__ == "__main__":
    main()
