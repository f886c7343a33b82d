"""R10: every record is accounted for, whatever happens on the way."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.loads import POISON, Load
from bench.reliability.running import Job
from bench.reliability.servers.faults import PASSING
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import account_errors, compare, scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from bench.reliability.running import Ended

__all__ = ["ROW"]

_AT_ONCE = 2
_EXECUTIONS = 10
"""How often a schedule may be run again after a failure that can be resumed."""

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_FINAL = (0, 1, 2)
_SLOW = ("drip_for_ever", "hang", "hang_after")
_DENIALS = ("expired_token", "access_denied")
_FORMATS = ("source.jsonl", "source.jsonl.gz", "source.csv", "source.csv.gz")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One load, one mix of faults, one tuning, some kills; a pure function of its dice."""

    load: Load
    plan: Plan
    write: Mapping[str, Any]
    others: Mapping[str, Any]
    strikes: tuple[tuple[float, signal.Signals], ...]

    @property
    def patient(self) -> bool:
        """Whether so few faults meet so many attempts that no good item may be given up."""
        retry = self.write["retry"]
        return retry["attempts"] == 8 and "max_outage" not in retry and self.plan.rate < 0.5


def _schedule(roll: Random) -> Schedule:
    load = Load(
        roll.getrandbits(32),
        roll.randint(150, 500),
        keys=roll.choice((0, 0, 20, 100)),
        bad_every=roll.choice((0, 0, 7, 40)),
        poison_every=roll.choice((0, 0, 0, 90)),
        name=roll.choice(_FORMATS),
        twins=roll.random() < 0.3,
    )
    faults = {name: roll.random() + 0.1 for name in roll.sample([*PASSING], roll.randint(2, 8))}
    write: dict[str, Any] = {
        "workers": roll.choice((1, 2, 5, 8)),
        "batch_size": roll.choice((25, 25, 25, 7, 1)),
        "retry": {"base_delay": "1ms", "max_delay": "20ms", "attempts": roll.choice((8, 8, 3))},
    }
    rest = roll.random()
    if rest < 0.15:
        faults |= dict.fromkeys(_SLOW, 0.05)
        write |= {"timeout": "1s", "batch_size": 25}
    elif rest < 0.25:
        faults |= dict.fromkeys(_DENIALS, 0.05)
        write["batch_size"] = 25
    elif rest < 0.45:
        write["retry"]["max_outage"] = "0s"
    plan = Plan(
        faults,
        rate=roll.choice((0.05, 0.2, 0.5)),
        seconds=0.1,
        marks={POISON.encode(): "validation"},
        latency=roll.choice((0, 0, 0.01, 0.05)) if write["batch_size"] == 25 else 0,
        remember=True,
    )
    others = {
        "checkpoint": {"every": roll.choice(("0s", "50ms", "5s"))},
        "queues": {"chunk": roll.choice((10, 100, 1000)), "capacity": roll.choice((1, 8))},
    }
    strikes = roll.choice((0, 0, 1, 3))
    blows = [(roll.uniform(0.3, 2.0), roll.choice(_SIGNALS)) for _ in range(strikes)]
    return Schedule(load, plan, write, others, tuple(blows))


def run(context: Context, number: int) -> str | None:
    """Run one schedule to its end; return what is wrong with the account, None if nothing is."""
    schedule = _schedule(context.dice(number))
    load, access_key = schedule.load, context.access_key()
    with FaultProxy(context.engine(), load.seed, schedule.plan) as proxy:
        changes = {"write": schedule.write, **schedule.others}
        definition = load.definition(proxy.endpoint, **changes)
        job = Job(context.folder / str(number), definition, access_key)
        load.write(job.folder)
        executions = _executions(job, schedule.strikes)
        ended = executions[-1]
        stored = len(proxy.stored)
    report = ended.report or {}
    letters = job.letters(report)
    wrong = account_errors(load, ended.report, letters)
    if ended.code != (1 if letters else 0):
        wrong.append(f"exit code {ended.code} with {len(letters)} dead letters")
    given_up = [one["record"] for one in letters if one["kind"] == "retry_exhausted"]
    if given_up and schedule.patient:
        wrong.append(f"{len(given_up)} good items were given up")
    if len(executions) == 1 and not given_up and report.get("succeeded") != stored:
        wrong.append(f"{stored} items were taken by the table, {report.get('succeeded')} succeeded")
    found = compare(load, scan(context.engine(), access_key), given_up)
    if not found.same:
        wrong.append(found.told())
    if not wrong:
        return None
    codes = [one.code for one in executions]
    return f"schedule {number}, exit codes {codes}: {wrong}; {ended.told()}; {schedule}"


def _executions(job: Job, strikes: Sequence[tuple[float, signal.Signals]]) -> list[Ended]:
    """Run, and run again after a strike or a failure that can be resumed."""
    ended: list[Ended] = []
    while len(ended) < _EXECUTIONS:
        running = job.start()
        struck = False
        if len(ended) < len(strikes):
            after, number = strikes[len(ended)]
            struck = running.alive_after(after)
            if struck:
                running.signal(number)
        ended.append(running.wait(120))
        # A signal may come before there is anything that could make a report: Python itself starts.
        told = ended[-1].report is not None or not struck
        if ended[-1].hung or (told and ended[-1].code in _FINAL):
            break
    return ended


def measure(context: Context) -> Figures:
    """Run many small loads, each through its own mix of faults, and audit each."""
    count = context.pick(500, 25)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        audits = [*threads.map(lambda number: run(context, number), range(count))]
    wrong = [audit for audit in audits if audit is not None]
    return Figures(
        not wrong,
        f"{count - len(wrong)} of {count}",
        {"schedules": count, "right": count - len(wrong)},
        "\n".join(wrong[:5]),
    )


ROW = Row(
    id="R10",
    title="The count identity.",
    how="500 loads, each through its own random mix of faults and kills: total = succeeded + "
    "superseded + rejected + failed = the source's records; one dead letter, at its own line, for "
    "each rejected or failed one; succeeded = different items that the table took; the table by a "
    "full scan.",
    passes="500 of 500",
    peers="AWS's bulk put reports no such sum; Airbyte compares counts by state message",
    measure=measure,
    mutation=Mutation(
        "a superseded item is counted as succeeded",
        (
            Edit(
                "pipeline/stages/accounts.py",
                "tally.superseded += 1",
                "tally.succeeded += 1",
            ),
        ),
    ),
)
