"""The truth: what a table does hold, by a full scan, and what a load must have left there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from bench.reliability.running import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from bench.reliability.loads import Load

__all__ = [
    "Comparison",
    "Typed",
    "account_errors",
    "compare",
    "connect",
    "scan",
    "table_definition",
]

Typed = dict[str, Any]
"""An item as it travels: {"PK": {"S": "a"}}."""


def table_definition(endpoint: str, table: str = "Board") -> dict[str, Any]:
    """Give a definition's ``target``: a table with the partition key PK, made if missing."""
    return {
        "table": table,
        "endpoint": endpoint,
        "region": "us-east-1",
        "create": {"key": {"PK": "S"}, "if_missing": True},
    }


def connect(endpoint: str, access_key: str) -> DynamoDBClient:
    """Open a plain, blocking AWS client; it knows nothing of the program."""
    import botocore.session  # noqa: PLC0415 - half a second that --help need not pay
    from botocore.config import Config  # noqa: PLC0415 - as above

    client: Any = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=SECRET,
        config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
    )
    return cast("DynamoDBClient", client)


def scan(endpoint: str, access_key: str, table: str = "Board") -> Iterator[Typed]:
    """Read the whole table, strongly consistent, with values; nothing if there is no table."""
    client: Any = connect(endpoint, access_key)
    try:
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]
    except client.exceptions.ResourceNotFoundException:
        return
    finally:
        client.close()


@dataclass(slots=True)
class Comparison:
    """How a table differs from the truth; *samples* are the first keys of each kind."""

    lost: int = 0
    wrong: int = 0
    extra: int = 0
    present: int = 0
    samples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the table is exactly what it must be."""
        return not (self.lost or self.wrong or self.extra)

    def note(self, kind: str, key: str) -> None:
        """Count one difference."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.samples.setdefault(kind, [])
        if len(self.samples[kind]) < 5:
            self.samples[kind].append(key)

    def told(self) -> str:
        """Say it in a line."""
        return f"lost {self.lost}, wrong {self.wrong}, extra {self.extra} {self.samples or ''}"


def compare(load: Load, items: Iterable[Typed], without: Iterable[int] = ()) -> Comparison:
    """
    Compare a scan with the source: the last good record of each key, and nothing else.

    The keys of the records *without* are left out of the verdict (they were dead-lettered as
    failed, and an older version may stand there).
    """
    found = Comparison()
    wanted = load.last()
    excused = {prefix + load.key(ordinal) for ordinal in without for prefix in ("", "twin#")}
    for item in items:
        found.present += 1
        key = item["PK"]["S"]
        ordinal = wanted.pop(key, None)
        if key in excused:
            continue
        if ordinal is None:
            found.note("extra", key)
        elif item != load.item(ordinal, key):
            found.note("wrong", key)
    for key in wanted:
        if key not in excused:
            found.note("lost", key)
    return found


def account_errors(
    load: Load, report: Mapping[str, Any] | None, letters: Iterable[Mapping[str, Any]]
) -> list[str]:
    """
    Hold a finished run's report against the source and the dead letters; return what is wrong.

    Each record must be accounted for once: of the bad and poisoned ones none is missing and no
    other is rejected, rejected and failed items have one dead letter each, at their record's line,
    and the sums are the source's.
    """
    if report is None:
        return ["there is no report"]
    wrong = []
    outcome = {name: report[name] for name in ("succeeded", "superseded", "rejected", "failed")}
    if report["total"] != sum(outcome.values()):
        wrong.append(f"total {report['total']} is not the sum of {outcome}")
    if (report["records"], report["total"]) != (load.records, load.total):
        told = f"{report['records']} records, total {report['total']}"
        wrong.append(f"{told}; there are {load.records}, {load.total}")
    letters = [*letters]
    lines = [(letter["line"], letter.get("item")) for letter in letters]
    refused = {one["line"] for one in letters if one["kind"] != "retry_exhausted"}
    must, may = load.refused_lines()
    if not must <= refused <= may:
        wrong.append(f"not rejected {sorted(must - refused)[:5]}, but {sorted(refused - may)[:5]}")
    if outcome["rejected"] != len(refused):
        wrong.append(f"{outcome['rejected']} rejected, {len(refused)} dead letters of such")
    if len(lines) != outcome["rejected"] + outcome["failed"]:
        wrong.append(f"{len(lines)} dead letters for {outcome}")
    if len(set(lines)) != len(lines):
        wrong.append("an item has two dead letters")
    return wrong
