"""R12: an error at any wait of any stage ends the run at once, and a resume completes it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs.small import SmallJob, is_complete, new_job
from bench.reliability.jobs.strikes import Strike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.observe.report import Report

__all__ = ["ROW"]

_LINE: Final = 5.0

_ERRORS: Final[dict[str, Callable[[], BaseException]]] = {
    "RuntimeError": lambda: RuntimeError("struck"),
    "KeyError": lambda: KeyError("struck"),
    "CancelledError": asyncio.CancelledError,
    "TimeoutError": TimeoutError,
    "OSError": lambda: OSError(5, "struck"),
}
_SURE: Final = frozenset({"RuntimeError", "KeyError", "CancelledError"})
"""What no stage may ever survive; time-outs and input errors are met by trying again, in places."""


@dataclass(slots=True)
class _Told:
    """What came of all strikes: how many fell, and which runs hung, ended wrong, or stayed so."""

    fell: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    hung: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    not_resumed: list[str] = field(default_factory=list)


def _measure(context: Context) -> Figures:
    with _silence():
        clean = new_job(context.folder / "clean")
        report, waits, _ = clean.run(None)
        assert report is not None, "the job does not run at all"
        assert report.status == "completed_with_errors", report
        told = _Told()
        for number, (name, strike) in enumerate(_strikes(context, waits.counts)):
            _strike(new_job(context.folder / f"{number}"), name, strike, told, clean)
    faults = [*told.hung, *told.false, *told.not_resumed]
    return Figures(
        passed=not faults and told.slowest <= _LINE and told.fell.total() > 0,
        figure=f"{len(told.hung)} hangs, {len(told.false)} wrong endings, "
        f"{len(told.not_resumed)} not completed by a resume, of {told.fell.total()}; "
        f"{told.slowest:.1f} s at most",
        figures={
            "strikes": told.fell.total(),
            "by_stage": dict(told.fell),
            "waits": dict(waits.counts),
            "hangs": len(told.hung),
            "wrong_endings": len(told.false),
            "not_resumed": len(told.not_resumed),
            "slowest_s": round(told.slowest, 2),
        },
        detail="; ".join(faults[:8]),
    )


def _strikes(context: Context, waits: Counter[str]) -> Iterator[tuple[str, Strike]]:
    """Yield every wait of every stage with every error; in CI's size a seeded choice of them."""
    every = [
        (name, Strike(stage, number, error, late))
        for stage, count in sorted(waits.items())
        for number in range(1, count + 1)
        for name, error in _ERRORS.items()
        for late in (False, True)
    ]
    if context.size == "full":
        yield from every
        return
    roll = context.dice("strikes")
    stages = sorted(waits)
    for number in range(120):
        here = [one for one in every if one[1].stage == stages[number % len(stages)]]
        yield roll.choice(here)


def _strike(bench: SmallJob, name: str, strike: Strike, told: _Told, clean: SmallJob) -> None:
    what = f"{name} {'after' if strike.late else 'at'} wait {strike.number} of {strike.stage}"
    report, waits, seconds = bench.run(strike)
    if waits.struck_at is None and report is not None:
        return  # waits come and go with the threads' timing: there were fewer this time
    told.fell[strike.stage] += 1
    if report is None or seconds is None:
        told.hung.append(f"{what}: no end, or no report")
        return
    told.slowest = max(told.slowest, seconds)
    if seconds > _LINE:
        told.hung.append(f"{what}: {seconds:.1f} s")
    told.false += [f"{what}: {fault}" for fault in _faults(bench, name, strike, report)]
    if report.status == "failed":
        report, _, _ = bench.run(None)
    if report is None or not is_complete(bench, report, clean):
        told.not_resumed.append(f"{what}: {report and report.status}")


def _faults(bench: SmallJob, name: str, strike: Strike, report: Report) -> Iterator[str]:
    """Yield what is wrong about how a struck run ended."""
    if report.status == "failed":
        if report.stage != strike.stage:
            yield f"stage {report.stage!r} is named"
    elif name in _SURE or report.status != "completed_with_errors":
        yield f"it ended as {report.status}"
    kept = bench.folder / "runs" / "job" / "latest" / "report.json"
    if not kept.exists() or json.loads(kept.read_bytes())["status"] != report.status:
        yield "report.json does not tell it"


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the struck runs' own log lines off the board's streams."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


ROW = Row(
    id="R12",
    title="Hangs and false successes after an error at any wait of any stage",
    how="each stage is driven by hand, on a virtual clock: at its n-th wait, for every n, an error "
    "is raised in it (a bug's, a cancellation from within, a time-out, an input error), instead of "
    "waiting or after it; then the run is resumed and compared with a clean one",
    passes=f"0 hangs over {_LINE:.0f} s; failed, with the stage named and the report written; each "
    "completed exactly by a resume",
    peers="`gather(return_exceptions=True)` hangs when the only writer dies, and looks finished "
    "with 999 of 1,000 when one of five does (measured)",
    measure=_measure,
    mutation=Mutation(
        "a stage puts its end marker in `finally`, whatever happened",
        (
            Edit(
                "pipeline/core/flow.py",
                "            await _attribute(name, work())\n"
                "            if drains is not None and not drains.ended:",
                "            try:\n"
                "                await _attribute(name, work())\n"
                "            finally:\n"
                "                for channel in closes:\n"
                "                    channel.close()\n"
                "                return\n"
                "            if drains is not None and not drains.ended:",
            ),
        ),
        ci=True,
    ),
)
