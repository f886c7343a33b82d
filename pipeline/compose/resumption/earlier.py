"""Resume: which earlier run is gone on with, and why one cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.compose.fingerprint import fingerprint_parts
from pipeline.errors import PreflightError, SourceCorruptError
from pipeline.stages.checkpoints import restored_totals
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.compose.stages import Input, Output
    from pipeline.config import Definition
    from pipeline.sources.base import Part
    from pipeline.stages.sink import Totals
    from pipeline.state.unfinished import Unfinished
    from pipeline.table.description import TableDescription

__all__ = ["Earlier", "fingerprint", "pick", "require_same_table"]

_TOLD = 3
"""Differences that a refusal names; of thousands of parts nobody reads more."""

_FRESH = "or start over with --fresh, which writes every item again"


@dataclass(frozen=True, slots=True)
class Earlier:
    """
    An unfinished run that is gone on with: *totals* are those of its checkpoint.

    *verified* are the SHA-256 of its parts as they were before its first write, *attempts* how
    often it was begun. *fell_back* says that its newest checkpoint was torn, and that this is the
    one before.
    """

    run: str
    totals: Totals
    document: Mapping[str, Any]
    fell_back: bool

    @property
    def verified(self) -> dict[str, str]:
        """The SHA-256 of each part that was verified before the first write."""
        return dict(self.document["verified"])

    @property
    def attempts(self) -> int:
        """How often the run was begun so far."""
        return int(self.document["attempts"])

    @property
    def limit(self) -> int | None:
        """How many records it was to read at most."""
        limit: int | None = self.document["limit"]
        return limit

    @property
    def resumed_from(self) -> dict[str, Any] | None:
        """Where reading goes on, for the report; None: at the very beginning."""
        position = self.document["position"]  # not that of the totals, which are counted on
        if position is None:
            return None
        return {name: position[name] for name in ("part", "record", "line", "offset")}


def fingerprint(definition: Definition, read: Input, written: Output) -> dict[str, Any]:
    """
    Return what must be the same for a run to be resumed: definition, source and table.

    Tuning, retries, the error budget, queues and the log are not in it: they may change.
    """
    return {
        "definition": fingerprint_parts(definition),
        "parts": [_part(part) for part in read.parts],
        "table": _table(written.description, written.endpoint),
    }


def _part(part: Part) -> dict[str, Any]:
    return {"name": part.name, "compression": part.compression, **part.identity}


def _table(description: TableDescription, endpoint: str | None) -> dict[str, Any]:
    created = None if description.created is None else description.created.isoformat()
    reported = {"arn": description.arn, "id": description.id, "created": created}
    known = {name: value for name, value in reported.items() if value is not None}
    # A table that cannot be told from others by itself is told by where it is.
    return {"name": description.name, **(known or {"endpoint": endpoint})}


async def pick(
    unfinished: Sequence[Unfinished], wanted: Mapping[str, Any], read: Input
) -> Earlier | None:
    """
    Return the newest of the *unfinished* runs that has the *wanted* fingerprint.

    None if nothing is unfinished. Raise `PreflightError` if something is, but cannot be gone on
    with: starting over in silence could load the wrong things, or the right ones twice.
    """
    for one in unfinished:
        if one.document is None:
            break
        if not any(_differences(one.document["fingerprint"], wanted)):
            await _compare_stretch(one, one.document, read)
            return Earlier(one.run, restored_totals(one.document), one.document, one.fell_back)
    if not unfinished:
        return None
    newest = unfinished[0]
    if newest.document is None:
        raise PreflightError(f"{newest.problem}")
    reasons = _told(list(_differences(newest.document["fingerprint"], wanted)))
    raise PreflightError(_refusal(newest.run, newest.document, reasons))


def require_same_table(unfinished: Sequence[Unfinished], table: str) -> None:
    """Raise `PreflightError` if the *unfinished* runs wrote to other tables than *table*."""
    known = [one.document for one in unfinished if one.document is not None]
    if not known or any(one["fingerprint"]["table"]["name"] == table for one in known):
        return
    wrote_to = known[0]["fingerprint"]["table"]["name"]
    reason = f"it wrote to table {wrote_to!r}, and this is {table!r}"
    raise PreflightError(_refusal(str(known[0]["run"]), known[0], reason))


async def _compare_stretch(one: Unfinished, document: Mapping[str, Any], read: Input) -> None:
    """Refuse a source whose bytes before the position are not those that were read."""
    totals = restored_totals(document)
    position = totals.position
    if position is None or document["stretch"] is None:
        return
    part = next(part for part in read.parts if part.name == position.part)
    try:
        found = await read.source.stretch(part, position, totals.in_part)
    except SourceCorruptError as error:
        raise PreflightError(_refusal(one.run, document, str(error))) from error
    if found != document["stretch"]:
        reason = f"{part.name!r} has other bytes before byte {document['stretch']['end']:,}"
        raise PreflightError(_refusal(one.run, document, reason))


def _refusal(run: str, document: Mapping[str, Any], reasons: str) -> str:
    records = document["tally"]["records"]
    return (
        f"run {run} is unfinished, with {records:,} records settled, and cannot be resumed: "
        f"{reasons}. Put that back as it was and run again to go on, {_FRESH}"
    )


def _told(reasons: Sequence[str]) -> str:
    more = len(reasons) - _TOLD
    return "; ".join([*reasons[:_TOLD], *([f"and {more:,} more"] if more > 0 else [])])


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Say, one sentence each, what is not as it was."""
    for name, digest in now["definition"].items():
        if before["definition"].get(name) != digest:
            yield f"the definition's `{name}` has changed"
    yield from _source_differences(before["parts"], now["parts"])
    yield from _table_differences(before["table"], now["table"])


def _source_differences(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    had = {part["name"]: part for part in before}
    has = {part["name"]: part for part in now}
    for name in [name for name in had if name not in has]:
        yield f"{name!r} is no part of the source any more"
    for name in [name for name in has if name not in had]:
        yield f"{name!r} is new in the source"
    if had.keys() == has.keys() and list(had) != list(has):
        yield "the parts of the source have another order"
    for name, before_part in had.items():
        if name in has and before_part != has[name]:
            yield _part_difference(before_part, has[name])


def _part_difference(had: Mapping[str, Any], has: Mapping[str, Any]) -> str:
    name = has["name"]
    if had.get("size") != has.get("size"):
        return f"{name!r} had {had.get('size'):,} bytes and has {has.get('size'):,}"
    changed = sorted(key for key in had.keys() | has.keys() if had.get(key) != has.get(key))
    if changed == ["mtime_ns"]:
        return f"{name!r} was written to since (its modification time has changed)"
    return f"{name!r} has changed ({', '.join(changed)})"


def _table_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("name") != now.get("name"):
        yield f"it wrote to table {before.get('name')!r}, and this is {now.get('name')!r}"
    elif dict(before) != dict(now):
        changed = sorted(
            key for key in before.keys() | now.keys() if before.get(key) != now.get(key)
        )
        yield f"table {now.get('name')!r} is another one than it was ({', '.join(changed)})"
