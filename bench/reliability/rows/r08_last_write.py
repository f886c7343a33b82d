"""R8: the last record of a key is the one in the table."""

from __future__ import annotations

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.loads import Load
from bench.reliability.running import Job
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import account_errors, compare, scan

__all__ = ["ROW"]

_FAULTS = {"unprocessed": 8.0, "delay": 3.0, "reset_after": 1.0, "server_error_after": 1.0}
_RATE = 0.3
"""Of the requests; the faults hand back about 10 % of the items."""


def measure(context: Context) -> Figures:
    """Load 2,000 writes of 200 keys through slow and unreliable answers, once for each seed."""
    seeds = context.pick(50, 5)
    stale, broken, handed_back = 0, [], 0
    for number in range(seeds):
        load = Load(context.seed + number, 2_000, keys=200)
        access_key = context.access_key()
        plan = Plan(_FAULTS, rate=_RATE, seconds=0.05)
        with FaultProxy(context.engine(), load.seed, plan) as proxy:
            job = Job(context.folder / str(number), load.definition(proxy.endpoint), access_key)
            load.write(job.folder)
            ended = job.run(limit=120)
            handed_back += proxy.faults["unprocessed"]
        found = compare(load, scan(context.engine(), access_key))
        wrong = account_errors(load, ended.report, job.letters(ended.report or {}))
        stale += found.wrong + found.lost
        if ended.code or wrong or not found.same:
            broken.append(f"seed {load.seed}: {ended.told()}; {found.told()}; {wrong}")
    return Figures(
        not broken,
        f"{stale} of {200 * seeds:,} keys",
        {"keys": 200 * seeds, "stale": stale, "seeds": seeds, "handed_back": handed_back},
        "\n".join(broken[:5]),
    )


ROW = Row(
    id="R8",
    title="Last write wins.",
    how="Keys whose final value is not that of their last record: 2,000 records of 200 keys, about "
    "10 % of the items handed back, answers delayed and lost, five writers, 50 seeds.",
    passes="0",
    peers="five plain writers: 17 to 20 of 200 (measured); Flink documents the race",
    measure=measure,
    mutation=Mutation(
        "keys in flight are not remembered",
        (
            Edit(
                "pipeline/core/batching.py",
                "self._in_flight.update(self._filling)",
                "pass",
            ),
        ),
        ci=True,
    ),
)
