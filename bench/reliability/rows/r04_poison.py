"""R4: one bad item never costs a good one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.running import Job
from bench.reliability.servers.checks import size_of
from bench.reliability.servers.proxy import FaultProxy, Plan
from bench.reliability.truth import connect, scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ROW"]

_BATCH = 25
_MOST_EXTRA = 25
_INJECTED = (
    "validation",
    "validation_coral",
    "validation_echo",
    "serialization",
    "serialization_coral",
    "collection_size",
    "too_large",
    "entity_too_large",
)
_SCALARS: Mapping[str, Any] = {"boolean": True, "null": None, "list": [1], "map": {"a": 1}}


def _too_large() -> dict[str, Any]:
    """
    Give a record whose item is a byte too large by the engine's own size of numbers.

    Other published formulas count less, so the offline rules must leave it to the service.
    """
    numbers = [-10.05] * 5_000
    fixed = size_of({"L": [{"N": "-10.05"}] * 5_000})
    names = sum(map(len, ("PK", "SK", "id", "numbers", "text")))
    keys = 2 * len("p000000000") + len("s")
    return {"numbers": numbers, "text": "x" * (409_601 - fixed - names - keys)}


def _kinds() -> dict[str, dict[str, Any]]:
    """Give what each kind adds to a good record; the engine refuses all but the injected ones."""
    kinds: dict[str, dict[str, Any]] = {}
    for name, mismatch, longest in (("gk", 7, 2_049), ("gn", "7", None), ("lk", 7, 1_025)):
        wrong = {**_SCALARS, "type": mismatch, "empty": ""}
        kinds |= {f"{name} {kind}": {name: value} for kind, value in wrong.items()}
        if longest is not None:
            kinds[f"{name} too long"] = {name: "x" * longest}
    kinds["twice its size with the local index"] = {"lk": "a", "text": "x" * 250_000}
    kinds["too large by the engine's formula"] = _too_large()
    return kinds | {name: {"text": f"<{name}>"} for name in _INJECTED}


@dataclass(frozen=True, slots=True)
class _Source:
    """Batches of good records, each with one bad one: at every position each kind in turn."""

    poisons: Sequence[tuple[str, int]]
    kinds: Mapping[str, Mapping[str, Any]]

    def records(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Give each record, and the kind of what is wrong with it."""
        ordinal = 0
        for kind, position in self.poisons:
            for place in range(_BATCH):
                bad = kind if place == position else None
                record: dict[str, Any] = {"id": f"p{ordinal:09}", "text": "good"}
                if bad is not None:
                    record |= self.kinds[bad]
                yield record, bad
                ordinal += 1


def _make_table(endpoint: str, access_key: str) -> None:
    client: Any = connect(endpoint, access_key)
    key, index = ("PK", "SK"), {"Projection": {"ProjectionType": "ALL"}}
    types = {"PK": "S", "SK": "S", "gk": "S", "gn": "N", "lk": "S"}

    def schema(hashed: str, ranged: str) -> list[dict[str, str]]:
        both = ((hashed, "HASH"), (ranged, "RANGE"))
        return [{"AttributeName": name, "KeyType": kind} for name, kind in both]

    client.create_table(
        TableName="Board",
        KeySchema=schema(*key),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
        ],
        GlobalSecondaryIndexes=[{"IndexName": "global", "KeySchema": schema("gk", "gn"), **index}],
        LocalSecondaryIndexes=[{"IndexName": "local", "KeySchema": schema("PK", "lk"), **index}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.close()


def _job(context: Context, endpoint: str, access_key: str) -> Job:
    definition = {
        "name": "job",
        "source": {"type": "file", "path": "source.jsonl"},
        "items": [{"key": {"PK": "{id}", "SK": "s"}}],
        "target": {"table": "Board", "endpoint": endpoint},
        "write": {"retry": {"base_delay": "1ms"}, "linger": "5s"},
    }
    return Job(context.folder, definition, access_key)


def measure(context: Context) -> Figures:
    """Load batches with one bad item each into a table whose indexes were made afterwards."""
    kinds = _kinds()
    roll = context.dice()
    places = context.pick(range(_BATCH), range(2))
    poisons = [
        (kind, context.pick(place, roll.randrange(_BATCH))) for kind in kinds for place in places
    ]
    roll.shuffle(poisons)
    source = _Source(poisons, kinds)
    marks = {f"<{name}>".encode(): name for name in _INJECTED}
    engine, access_key = context.engine(), context.access_key()
    _make_table(engine, access_key)
    with FaultProxy(engine, context.seed, Plan(marks=marks, hide_indexes=True)) as proxy:
        job = _job(context, proxy.endpoint, access_key)
        with (job.folder / "source.jsonl").open("w") as file:
            file.writelines(json.dumps(record) + "\n" for record, _ in source.records())
        ended = job.run(limit=600)
        counts = proxy.counts()
    good = {record["id"] for record, bad in source.records() if bad is None}
    bad = {n: kind for n, (_, kind) in enumerate(source.records(), 1) if kind is not None}
    stored = {item["PK"]["S"] for item in scan(engine, access_key)}
    report = ended.report or {"batches": 0}
    letters = {letter["line"]: letter["kind"] for letter in job.letters(report)}
    exact = sum(letters.get(line) == "table" for line in bad)
    extra = (counts["requests"] - report["batches"]) / len(bad)
    missed = sorted({kind for line, kind in bad.items() if letters.get(line) != "table"})
    passed = (
        ended.code == 1
        and exact == len(bad) == len(letters)
        and stored == good
        and extra <= _MOST_EXTRA
    )
    return Figures(
        passed,
        f"{exact} of {len(bad)} dead-lettered, {len(good - stored)} good lost, "
        f"{extra:.1f} extra requests each",
        {
            "kinds": len(kinds),
            "poisons": len(bad),
            "dead_lettered": exact,
            "good_lost": len(good - stored),
            "bad_stored": len(stored - good),
            "extra_requests_each": round(extra, 2),
        },
        f"{ended.told()}; not dead-lettered: {missed}; good ones dead-lettered: "
        f"{sorted(letters.keys() - bad.keys())[:5]}; bad ones stored: {sorted(stored - good)[:5]}",
    )


ROW = Row(
    id="R4",
    title="Poison isolation.",
    how="30 kinds of items that the offline rules cannot know (indexes made after the start, sizes "
    "on which formulas differ, refusals of every form) at each of 25 positions, into DynamoDB "
    "Local.",
    passes="all of them, and only they, dead-lettered; 0 good lost; ≤ 25 extra requests each",
    peers="boto3 aborts at the first, 25 of 100 stored (measured); Flink's job, EMR's task fails; "
    "Redpanda Connect isolates with up to 25 PutItems; Spring Batch has a scan mode",
    measure=measure,
    mutation=Mutation(
        "a refused batch is dead-lettered whole",
        (
            Edit(
                "pipeline/stages/writer.py",
                'self._log.info("batch.split", items=len(piece.items), error=poison.code)\n'
                "            self._pieces.cut(piece)",
                "await self._give_up(piece, None)",
            ),
        ),
    ),
)
