"""
The law of resuming: a crash at any instant, and another, and the rest is one clean run.

Everything from the source file to the checkpoint runs as in production; only the table is a fake,
on a virtual clock, and a crash is a cancellation after which nothing of the process is used again.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.compose import specs
from pipeline.compose.execution import Execution, Plan
from pipeline.compose.resumption.beginning import claimed
from pipeline.compose.resumption.earlier import fingerprint
from pipeline.compose.stages import Input, Output
from pipeline.config import load
from pipeline.core.flow import StopSignal
from pipeline.errors import IsolateError, PipelineError, ThrottledError, TransientError
from pipeline.sources import open_source
from pipeline.table.base import Answer
from pipeline.table.encoding import Encoder
from tests.clock import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.model import Item, Key
    from pipeline.observe.report import Report

DEFINITION = """
source: {{type: file, path: {path}}}
schema: {{type: object, required: [id], properties: {{id: {{type: string}}}}}}
items: [{{key: {{PK: "{{id}}"}}}}]
target: {{table: Things, create: {{key: {{PK: S}}}}}}
write: {{workers: {workers}, batch_size: {batch}, retry: {{max_outage: 24h, attempts: 100}}}}
queues: {{chunk: {chunk}, capacity: 2}}
checkpoint: {{every: {every}}}
log: {{level: error}}
"""

POISON = 13
"""A record whose number is divisible by this is refused by the table."""


@dataclass
class Job:
    """One random job: the keys of its records (None: no record), its tuning, and its crashes."""

    keys: list[int | None]
    workers: int
    batch: int
    chunk: int
    every: str
    faults: float
    crashes: list[float]
    stops: list[bool]
    seed: int


JOBS = st.builds(
    Job,
    keys=st.lists(st.one_of(st.integers(0, 15), st.none()), max_size=120),
    workers=st.integers(1, 5),
    batch=st.integers(1, 25),
    chunk=st.integers(1, 20),
    every=st.sampled_from(["0s", "1s", "5s"]),
    faults=st.sampled_from([0.0, 0.3]),
    crashes=st.lists(st.floats(0.0, 12.0), max_size=6),
    stops=st.lists(st.booleans(), min_size=6, max_size=6),
    seed=st.integers(0, 2**32),
)


class LazyTable:
    """
    A table that outlives its clients: applies what it was sent, and answers later, or never.

    So a crash may come before a write, or between it and its answer.
    """

    def __init__(self, job: Job) -> None:
        self._dice = random.Random(job.seed)
        self._faults = job.faults
        self.rows: dict[str, int] = {}

    async def write(self, items: Sequence[Item], /) -> Answer:
        """Write some or all of *items*, refuse them, or fail before or after."""
        dice = self._dice
        await asyncio.sleep(dice.choice([0.0, 0.01, 0.5, 2.0]))
        if any(_number(item) % POISON == 0 for item in items):
            raise IsolateError("ValidationException", "refused")
        fault = dice.random() < self._faults
        if fault and dice.random() < 0.5:
            raise self._error()
        left = [item for item in items if dice.random() < self._faults / 2]
        for item in items:
            if item not in left:
                self.rows[str(item.key[0])] = _number(item)
        await asyncio.sleep(dice.choice([0.0, 0.01, 0.5]))
        if fault:
            raise self._error()
        return Answer(left)

    def _error(self) -> PipelineError:
        return self._dice.choice([TransientError("500"), ThrottledError("busy")])

    def show_key(self, key: Key, /) -> Mapping[str, str]:
        """Show the key."""
        return {"PK": str(key[0])}


def _number(item: Item) -> int:
    return int(orjson.loads(item.wire)["PutRequest"]["Item"]["n"]["N"])


async def attempt(folder: Path, table: LazyTable, stop: StopSignal) -> Report:
    """Run the job of *folder* once, as the command does, but for the real table."""
    definition = load(folder / "job.yaml", environment={})
    source = open_source(specs.source_spec(definition, folder))
    with claimed(folder / "runs", "job", locked=True, kept=True, fresh=False) as claim:
        read = Input(source, await source.parts())
        description = specs.assumed_table(definition)
        written = Output(table, Encoder(description, "put"), description, "here")
        wanted = fingerprint(definition, read, written)
        plan = Plan(definition, claim, wanted)
        beginning = await claim.begin(read, wanted)
        return await Execution(plan, read, written, stop).report(beginning)


async def crash(folder: Path, table: LazyTable, after: float, *, softly: bool) -> Report | None:
    """Run the job and crash, or be asked to stop, *after* some seconds; None: it crashed."""
    stop = StopSignal()
    if softly:
        asyncio.get_running_loop().call_later(after, stop.request, "sigterm")
        return await attempt(folder, table, stop)
    with suppress(TimeoutError):
        async with asyncio.timeout(after):
            return await attempt(folder, table, stop)
    return None


def write_job(folder: Path, job: Job) -> None:
    """Write the definition and the source of *job*."""
    tuning = {"workers": job.workers, "batch": job.batch, "chunk": job.chunk, "every": job.every}
    (folder / "job.yaml").write_text(DEFINITION.format(path="things.jsonl", **tuning))
    lines = [
        "no record" if key is None else json.dumps({"id": f"k{key}", "n": number})
        for number, key in enumerate(job.keys, start=1)
    ]
    (folder / "things.jsonl").write_text("".join(f"{line}\n" for line in lines))


def clean_rows(job: Job) -> dict[str, int]:
    """Return what one careful writer, record by record, would leave in the table."""
    return {
        f"k{key}": number
        for number, key in enumerate(job.keys, start=1)
        if key is not None and number % POISON
    }


# A process that crashes closes nothing.
@pytest.mark.filterwarnings("ignore:.*unclosed file:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@settings(max_examples=60, deadline=None)
@given(job=JOBS)
def test_any_crashes_and_a_resume_are_one_clean_run(job: Job) -> None:
    """The table, the counts and the dead letters are those of a run that nothing disturbed."""
    table = LazyTable(job)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, job)
        report = None
        for after, softly in zip(job.crashes, job.stops, strict=False):
            report = run(crash(folder, table, after, softly=softly))
            if report is not None and report.status in {"succeeded", "completed_with_errors"}:
                break
        else:
            report = run(attempt(folder, table, StopSignal()))

        assert report.status in {"succeeded", "completed_with_errors"}
        assert table.rows == clean_rows(job)
        assert report.records == report.total == len(job.keys)
        letters = folder / "runs" / "job" / report.run / "dead-letter.jsonl"
        lines = letters.read_text().splitlines() if report.rejected else []
        told = [json.loads(line)["line"] for line in lines]
        unread = {n for n, key in enumerate(job.keys, start=1) if key is None}
        poison = set(range(POISON, len(job.keys) + 1, POISON)) - unread
        assert told == sorted(set(told)), "in source order, each once"
        assert report.rejected == len(told)
        # A poisoned item may have been replaced by a later one before anybody saw it.
        assert unread <= set(told) <= unread | poison
