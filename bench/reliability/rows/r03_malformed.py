"""R3: a 200 that is no success loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.loads import Load
from bench.reliability.running import Job
from bench.reliability.servers.faults import MALFORMED
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import account_errors, compare, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROW"]


def measure(context: Context) -> Figures:
    """Answer each batch's first request with a malformed 200 and carry none of those out."""
    load = Load(context.seed, context.pick(10_000, 1_000))
    batches = -(-load.records // 25)
    every: Mapping[str, float] = dict.fromkeys(MALFORMED, 1.0)
    plan = Plan(every, rate=1.0, first_only=True)
    access_key = context.access_key()
    with FaultProxy(context.engine(), context.seed, plan) as proxy:
        job = Job(context.folder, load.definition(proxy.endpoint), access_key)
        load.write(job.folder)
        ended = job.run(limit=300)
        counts = proxy.counts()
    found = compare(load, scan(context.engine(), access_key))
    injected = sum(counts["faults"].values())
    report = ended.report or {}
    wrong = account_errors(load, ended.report, job.letters(report))
    passed = ended.code == 0 and found.same and not wrong and injected >= batches
    return Figures(
        passed,
        f"{injected} malformed answers, {found.lost} items lost, {found.wrong} wrong",
        {"injected": injected, "by_kind": counts["faults"], "lost": found.lost},
        f"{ended.told()}; {found.told()}; {wrong}; {counts}",
    )


ROW = Row(
    id="R3",
    title="Malformed 200s.",
    how="Every batch is first answered with status 200 and a wrong CRC32, half a body, HTML, "
    "nothing, no `UnprocessedItems`, or keys that were never sent; none of those is carried out.",
    passes="0 lost",
    peers='`.get("UnprocessedItems", {})` on botocore loses all of those batches, boto3\'s '
    "`batch_writer` aborts at the first (25 of 100 stored); both measured",
    measure=measure,
    mutation=Mutation(
        "an answer without `UnprocessedItems` taken for a success",
        (
            Edit(
                "pipeline/table/aws/client.py",
                'if not isinstance(answer.get("UnprocessedItems"), dict):',
                "if False:",
            ),
            Edit(
                "pipeline/table/aws/client.py",
                'unprocessed = answer["UnprocessedItems"]',
                'unprocessed = answer.get("UnprocessedItems", {})',
            ),
        ),
        ci=True,
    ),
)
