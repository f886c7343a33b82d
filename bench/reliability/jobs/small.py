"""A small job in process, on a virtual clock and a table that is a fake: for strikes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.jobs.strikes import Strike, Waits, striking
from tests.clock import VirtualTimeLoop
from tests.fakes import FakeTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.errors import PipelineError
    from pipeline.model import Item
    from pipeline.observe.report import Report

__all__ = ["SmallJob", "is_complete", "new_job"]

_RECORDS: Final = 90
_POISON: Final = "k041"
_HUNG: Final = 300.0
"""Virtual seconds after which a run never ends."""

_DEFINITION: Final[dict[str, Any]] = {
    "name": "job",
    "source": {"type": "file", "path": "source.jsonl"},
    "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "items": [{"key": {"PK": "{id}"}}],
    "target": {"table": "Board", "create": {"key": {"PK": "S"}}},
    "write": {"workers": 3, "batch_size": 5},
    "queues": {"chunk": 6, "capacity": 2},
    "checkpoint": {"every": "0s"},
    "log": {"level": "error"},
}


@dataclass(slots=True)
class SmallJob:
    """A job in a folder, and the table that it loads into."""

    folder: Path
    table: FakeTable

    def run(self, strike: Strike | None) -> tuple[Report | None, Waits, float | None]:
        """
        Run the job once; give its report, how its stages waited, and seconds from strike to end.

        The report is None where the run never ends, or raises.
        """
        waits = Waits(strike)
        with striking(waits), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            try:
                report = runner.run(self._execute())
            except Exception:  # noqa: BLE001 - a deadlock, too, is what came of it
                return None, waits, None
            ended = runner.get_loop().time()
        return report, waits, None if waits.struck_at is None else ended - waits.struck_at

    async def _execute(self) -> Report:
        from pipeline.compose import specs  # noqa: PLC0415 - seconds that --help need not pay
        from pipeline.compose.execution import Execution, Plan  # noqa: PLC0415 - as above
        from pipeline.compose.resumption.beginning import claimed  # noqa: PLC0415 - as above
        from pipeline.compose.resumption.earlier import fingerprint  # noqa: PLC0415 - as above
        from pipeline.compose.stages import Input, Output  # noqa: PLC0415 - as above
        from pipeline.config import load  # noqa: PLC0415 - as above
        from pipeline.core.flow import StopSignal  # noqa: PLC0415 - as above
        from pipeline.sources import open_source  # noqa: PLC0415 - as above
        from pipeline.table.encoding import Encoder  # noqa: PLC0415 - as above

        definition = load(self.folder / "job.yaml", overrides=(), environment={})
        source = open_source(specs.source_spec(definition, self.folder))
        with claimed(self.folder / "runs", "job", locked=True, kept=True, fresh=False) as claim:
            read = Input(source, await source.parts())
            description = specs.assumed_table(definition)
            written = Output(self.table, Encoder(description, "put"), description, "http://fake")
            wanted = fingerprint(definition, read, written)
            beginning = await claim.begin(read, wanted)
            plan = Plan(definition, claim, wanted)
            async with asyncio.timeout(_HUNG):
                return await Execution(plan, read, written, StopSignal()).report(beginning)


def new_job(folder: Path) -> SmallJob:
    """Make a job with its source in *folder*: bad records, a poisonous one, an unsteady table."""
    folder.mkdir()
    (folder / "job.yaml").write_text(json.dumps(_DEFINITION))
    rows = ({"id": f"k{n:03}", "n": "bad" if n % 20 == 9 else n} for n in range(_RECORDS))
    (folder / "source.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return SmallJob(folder, FakeTable(_answer, lambda number: 0.01 * (number % 4)))


def _answer(number: int, items: Sequence[Item]) -> PipelineError | Sequence[Item] | None:
    """Refuse one key for good, hand back a part of every fifth request, fail every seventh."""
    from pipeline.errors import IsolateError, TransientError  # noqa: PLC0415 - as in _execute

    if any(item.key[0] == _POISON for item in items):
        return IsolateError("ValidationException", "refused")
    if number % 7 == 6:
        return TransientError("500")
    return items[:2] if number % 5 == 4 else None


def is_complete(job: SmallJob, report: Report, clean: SmallJob) -> bool:
    """Tell whether table, counts and dead letters are those of one clean run."""
    rejected = _RECORDS // 20 + (_RECORDS % 20 > 9) + 1
    counted = (report.total, report.succeeded + report.superseded, report.rejected, report.failed)
    letters = job.folder / "runs" / "job" / "latest" / "dead-letter.jsonl"
    told = letters.read_bytes().splitlines() if letters.exists() else []
    ordinals = [json.loads(line)["record"] for line in told]
    return (
        report.status == "completed_with_errors"
        and job.table.rows == clean.table.rows
        and counted == (_RECORDS, _RECORDS - rejected, rejected, 0)
        and len(ordinals) == len(set(ordinals)) == rejected
    )
