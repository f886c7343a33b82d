"""Execution: one run, from its folder to its report."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.compose import endings, specs
from pipeline.compose.columns import column_warnings
from pipeline.compose.pace import following, most_workers
from pipeline.compose.resumption.verify import Verification, check_stream
from pipeline.compose.stages import Input, Observed, Output, Stages, build_stages
from pipeline.core.flow import Flow, StopSignal
from pipeline.core.threads import settled
from pipeline.errors import PreflightError, StorageError
from pipeline.observe.logs import open_log
from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, recorded, watched
from pipeline.observe.report import Ending, make_report
from pipeline.stages.checkpoints import Checkpoints, Job
from pipeline.state.deadletter import DeadLetters, LettersMark
from pipeline.state.unfinished import close_run
from pipeline.table.creation import differences
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.compose.resumption.beginning import Beginning, Claim
    from pipeline.config import Definition
    from pipeline.core.channel import Channel
    from pipeline.model import Checked, Outcome
    from pipeline.observe.logs import Log, RunLog
    from pipeline.observe.prometheus.port import Exporter
    from pipeline.observe.report import Report

__all__ = ["Execution", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run; *wanted* is the fingerprint that a later resume must find."""

    definition: Definition
    claim: Claim
    wanted: Mapping[str, Any]
    limit: int | None = None
    dry_run: bool = False
    bar: bool = False
    verify: bool = True
    exporter: Exporter | None = None


class Execution:
    """One execution of a plan, reading *read* and writing *written*."""

    def __init__(self, plan: Plan, read: Input, written: Output, stop: StopSignal) -> None:
        self._plan = plan
        self._definition = plan.definition
        self._read = read
        self._written = written
        self._stop = stop
        self._metrics = Metrics()

    async def report(self, beginning: Beginning) -> Report:
        """Run, and write ``report.json`` whatever happens."""
        definition, plan = self._definition, self._plan
        dead_letters = await self._letters(beginning)
        with open_log(beginning.folder, definition.log.level, stderr=not plan.bar) as log:
            traces = self._traces(beginning, dead_letters, log)
            # A schema of thousands of patterns takes seconds to compile.
            stages = await asyncio.to_thread(
                build_stages, definition, self._read, self._written, traces, self._stop
            )
            self._announce(beginning, log)
            with self._watched(beginning, log):
                ending = await self._drive(stages, beginning, traces)
            dead_letters.close()
            if failure := log.failure():
                self._metrics.warnings.append(failure)
            report = make_report(
                endings.identity(plan, beginning, self._written, dead_letters),
                ending,
                stages.sink.totals.tally,
                self._metrics,
                cpu_s=time.process_time(),
                samples=stages.sink.totals.samples,
            )
            endings.keep_report(beginning.folder, report, log)
            # Only then: a crash in between makes the next run find that nothing is left.
            if ending.finished and not await self._close(stages, beginning, traces):
                endings.keep_report(beginning.folder, report, log)
            endings.tell_report(report, log)
        return report

    async def _letters(self, beginning: Beginning) -> DeadLetters:
        """Open the dead letters, cut to what the checkpoint says of them."""
        earlier, path = beginning.earlier, beginning.folder / "dead-letter.jsonl"
        mark = (earlier.totals.letters or LettersMark(0, 0)) if earlier else None
        letters = DeadLetters(path, start=mark, hash_keys=self._definition.log.hash_keys)
        try:
            await letters.resume()
        except StorageError as error:  # nothing was written yet
            raise PreflightError(str(error)) from error
        return letters

    def _traces(self, beginning: Beginning, dead_letters: DeadLetters, log: RunLog) -> Observed:
        earlier, files = beginning.earlier, beginning.files
        if earlier is not None:
            before = earlier.totals
            self._metrics.carry_on(earlier.document["efforts"], before.tally, before.consumed)
        traces = Observed(self._metrics, log, dead_letters, log_failure=log.failure)
        if files is None:
            return traces
        job = Job(
            beginning.run,
            self._plan.wanted,
            {} if earlier is None else earlier.verified,
            endings.attempt_of(beginning),
            self._plan.limit,
        )
        every = self._definition.checkpoint.every
        observed = (self._metrics, log)
        checkpoints = Checkpoints(
            files, job, self._read.source, self._read.parts, observed, every=every
        )
        totals = None if earlier is None else earlier.totals
        return replace(traces, checkpoints=checkpoints, totals=totals)

    def _announce(self, beginning: Beginning, log: Log) -> None:
        earlier = beginning.earlier
        log.info(
            "run.started" if earlier is None else "run.resumed",
            name=self._definition.name,
            table=self._written.description.name,
            endpoint=self._written.endpoint,
            transport=self._written.transport,
            parts=len(self._read.parts),
            workers=self._definition.write.workers,
            rate=self._written.rate,
            dry_run=self._plan.dry_run,
            **({} if earlier is None else {"from": earlier.resumed_from}),
        )
        if self._written.fallback:
            log.info("transport.fell_back", to="sdk", reason=self._written.fallback)
        for warning in self._warnings(beginning):
            self._metrics.warnings.append(warning)
            log.warning("run.warning", message=warning)

    def _warnings(self, beginning: Beginning) -> Iterator[str]:
        """Yield what is allowed, but may be a mistake."""
        definition = self._definition
        items = specs.item_specs(definition)
        yield from column_warnings(self._read.parts, items, definition.record_schema)
        wanted = specs.table_spec(definition)
        if wanted is not None:
            for difference in differences(wanted, self._written.description):
                yield f"target.create is for a new table, and this one differs: {difference}"
        yield from beginning.warnings(once=not self._read.source.resumable)

    @contextmanager
    def _watched(self, beginning: Beginning, log: Log) -> Iterator[None]:
        """Show and keep how the run goes while the body runs."""
        plan, goal = self._plan, Goal(self._read.parts, self._plan.limit)
        name, attempt = self._definition.name, endings.attempt_of(beginning)
        labels = {"pipeline": name, "run": beginning.run}
        with (
            recorded(beginning.folder, attempt, goal, self._metrics, log) as look,
            plan.exporter.following(labels, look) if plan.exporter else nullcontext(),
            watched(name, goal, self._metrics, log, bar=plan.bar),
        ):
            yield

    async def _drive(self, stages: Stages, beginning: Beginning, traces: Observed) -> Ending:
        """Run the flow; turn every way it can end into an `Ending`."""
        failure: BaseException | None = None
        try:
            async with self._stop.limits():
                await self._prepare(stages, beginning, traces)
                await self._flow(stages, traces.log)
                stages.sink.judge_end()
        except* Exception as group:  # noqa: BLE001 - a run reports every way to fail
            failure = endings.first_leaf(group)
        failure = failure or stages.producer.failure
        left_out = stages.accounts.left_out
        try:
            unsettled = await stages.sink.fold_unfinished()
        except Exception as error:  # noqa: BLE001 - a full disk, say; as above
            failure = failure or error
            unsettled = stages.sink.unsettled
        resumable = traces.checkpoints is not None and traces.checkpoints.exist
        if failure is not None:
            return endings.failed(failure, unsettled, traces.log, kept=resumable)
        if unsettled or left_out or not stages.producer.exhausted:
            return endings.stopped(self._stop.reason, unsettled, resumable=resumable)
        tally = stages.sink.totals.tally
        return Ending("completed_with_errors" if tally.rejected or tally.failed else "succeeded")

    async def _prepare(self, stages: Stages, beginning: Beginning, traces: Observed) -> None:
        """Verify the source, and note that this run begins, before anything is written."""
        definition, earlier, plan = self._definition, beginning.earlier, self._plan
        known = {} if earlier is None else earlier.verified
        wanted = specs.expected_digest(definition)
        inflate = plan.verify and not plan.dry_run
        verification = Verification(known, wanted, self._metrics, traces.log, inflate=inflate)
        async with self._stop.interrupts():
            found = await verification.run(self._read)
            if traces.checkpoints is not None:
                traces.checkpoints.verified(found)
        if traces.checkpoints is not None:
            await traces.checkpoints.save(stages.sink.totals, last=True)
            await settled(beginning.mark)

    async def _close(self, stages: Stages, beginning: Beginning, traces: Observed) -> bool:
        """Close the checkpoint of a run that is finished: the next one starts anew."""
        if traces.checkpoints is None:
            return True
        try:
            document = traces.checkpoints.document(stages.sink.totals, None)
            await settled(partial(close_run, beginning.folder, document))
        except StorageError as error:
            warning = f"every record is accounted for, but the run could not be closed: {error}"
            self._metrics.warnings.append(warning)
            traces.log.warning("run.warning", message=warning)
            return False
        return True

    async def _flow(self, stages: Stages, log: Log) -> None:
        """Run producer → validator → batcher → writers → sink; refusals go straight to the sink."""
        workers, limit = most_workers(self._definition), self._plan.limit
        async with following(self._written.current, stages.pace, log), asyncio.TaskGroup() as group:
            flow = Flow(group, capacity=self._definition.queues.capacity)
            settlements: Channel[Checked | Outcome] = flow.channel(senders=workers + 1)
            chunks = flow.source("producer", lambda: stages.producer.chunks(limit), self._stop)
            items = flow.fork("validator", stages.validator, chunks, side=settlements)
            batches = flow.stage("batcher", stages.batcher, items)
            flow.stage("writer", stages.writer, batches, workers=workers, into=settlements)
            flow.sink("sink", stages.sink, settlements)
        check_stream(self._read, specs.expected_digest(self._definition), stages.producer)
