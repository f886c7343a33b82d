"""R16: what we refuse offline is what the table refuses, no more and no less."""

from __future__ import annotations

from contextlib import ExitStack, closing

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from tests.contract.raw import RawTable
from tests.contract.rules_corpus import CASES, ON_PURPOSE
from tests.contract.rules_tables import RULES, TABLES

__all__ = ["ROW"]


def measure(context: Context) -> Figures:
    """Put every case of the corpus to the rules and to the engine."""
    accepts, rejects = [], []
    with ExitStack() as stack:
        tables = {}
        access_key = context.access_key()
        for name, request in TABLES.items():
            table = RawTable(context.engine(), access_key, f"rules-{name}")
            tables[name] = stack.enter_context(closing(table))
            table.create(request)
        for case in CASES:
            ours = not RULES[case.table].check(case.item)
            verdict = tables[case.table].batch_put(case.item)
            if ours and not verdict.accepted:
                accepts.append(f"{case.name}: {verdict}")
            if verdict.accepted and not ours:
                rejects.append(case.name)
        lax = [case for case in ON_PURPOSE if not RULES[case.table].check(case.item)]
    return Figures(
        not (accepts or rejects or lax),
        f"{len(accepts)} false accepts, {len(rejects)} false rejects of {len(CASES)} cases "
        f"({len(ON_PURPOSE)} more refused on purpose)",
        {"cases": len(CASES), "false_accepts": len(accepts), "false_rejects": len(rejects)},
        f"accepts: {accepts[:5]}; rejects: {rejects[:5]}; not refused: {lax}",
    )


ROW = Row(
    id="R16",
    title="Offline verdicts.",
    how="Every case of the error corpus, put to our rules and to DynamoDB Local.",
    passes="0 false accepts, 0 false rejects, but for the list in `tests/contract/rules_corpus.py`",
    peers="moto differs on 39 of 99 cases, dynalite on 22, some in the text only (measured)",
    measure=measure,
    mutation=Mutation(
        "32 levels of nesting are taken for good",
        (Edit("pipeline/table/rules/values.py", "MAX_NESTING = 31", "MAX_NESTING = 32"),),
    ),
)
