"""R6: retries are ours alone, and never multiply."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.loads import Load
from bench.reliability.running import Ended, Job
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import account_errors

__all__ = ["ROW"]

_ATTEMPTS = 8
_FAULTS = ("server_error", "bad_gateway", "unavailable_html", "conflict", "reset_before")


def _load(context: Context, name: str, max_outage: str) -> tuple[Load, Job, Ended, Any]:
    """Load against a table that fails for good."""
    load = Load(context.seed, context.pick(2_500, 250))
    plan = Plan(dict.fromkeys(_FAULTS, 1.0), rate=1.0)
    retry = {"base_delay": "1ms", "max_delay": "20ms", "max_outage": max_outage}
    with FaultProxy(context.engine(), context.seed, plan) as proxy:
        definition = load.definition(proxy.endpoint, write={"retry": retry})
        job = Job(context.folder / name, definition, context.access_key())
        load.write(job.folder)
        return load, job, job.run(limit=120), proxy.attempts


def measure(context: Context) -> Figures:
    """Count the requests of each batch; then see the default policy give no item up."""
    load, job, ended, sent = _load(context, "plain", "0s")
    attempts = Counter(sent.values())
    report = ended.report or {}
    wrong = account_errors(load, ended.report, job.letters(report))
    plain = ended.code == 1 and not wrong and report.get("failed") == load.records
    _, patient_job, patient, _ = _load(context, "patient", "2s")
    told = patient.report or {}
    letters = len(patient_job.letters(told))
    patience = patient.code == 3 and told.get("status") == "failed" and letters == 0
    return Figures(
        plain and patience and [*attempts] == [_ATTEMPTS],
        f"{' or '.join(map(str, sorted(attempts)))} requests a batch; "
        f"{letters} items given up by the default policy",
        {"requests_by_batch": dict(attempts), "given_up_by_default": letters},
        f"plain: {ended.told()}; {wrong}; default: {patient.told()}",
    )


ROW = Row(
    id="R6",
    title="No retries on retries.",
    how="HTTP requests of each batch against a table that fails for good (500, 502, 503, conflict, "
    "RST), with `max_outage: 0s`; then the default policy for an outage of 2 s.",
    passes="8 requests a batch; the default policy gives nothing up",
    peers="80 with the SDK's default retries below eight attempts of one's own (measured)",
    measure=measure,
    mutation=Mutation(
        "the transports' own retries are left on",
        (
            Edit(
                "pipeline/table/http/sender.py",
                "response = await self._pool.send(_TARGET, body, keys)",
                "response = await self._pool.send(_TARGET, body, keys)\n"
                "            if response.status >= 500:\n"
                "                response = await self._pool.send(_TARGET, body, keys)",
            ),
            Edit(
                "pipeline/table/aws/connection.py",
                '"total_max_attempts": 1',
                '"total_max_attempts": 3',
            ),
        ),
    ),
)
