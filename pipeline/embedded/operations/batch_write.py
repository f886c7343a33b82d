"""
BatchWriteItem.

A request is judged whole before anything of it is written, and written in one transaction.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from pipeline.embedded import answers
from pipeline.embedded.capacity import out_of_capacity, throttled
from pipeline.embedded.parameters import Parameters, check_name, write_parameters
from pipeline.embedded.storage.changes import Change, apply, plan_delete, plan_put, read_old
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.embedded.capacity import Shortage
    from pipeline.embedded.service import Service
    from pipeline.embedded.storage.catalog import Known

__all__ = ["batch_write_item"]

_MOST_WRITES = 25
# A request of 16 MB decoded in one go would hold the interpreter for 0.2 s: it is divided first,
# and what is handed back are the very bytes that came.
_OUTER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BY_TABLE = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | None] | None)


@dataclass(slots=True)
class _Part:
    """One table's share of a request: what came, what it changes, what is handed back and why."""

    known: Known
    requests: Sequence[msgspec.Raw]
    changes: list[Change]
    back: list[int] = field(default_factory=list)
    shortages: list[Shortage | None] = field(default_factory=list)


def batch_write_item(service: Service, request: bytes) -> dict[str, Any]:
    """Put and delete up to 25 items over any number of tables."""
    parameters, wanted = _divided(request)
    mode = parameters.capacity_mode()
    _check_numbers(wanted)
    parts = [_plan_table(service.catalog.get(name), wanted[name] or []) for name in wanted]
    for part in _first_of_each_behaviour(service, parts):
        if service.behaviours.of(part.known.table.name).mishaps.refuses_request():
            raise throttled(part.known.table)
    admitted = [_admit(service, part) for part in parts]
    if not any(admitted):
        raise out_of_capacity(
            [(part.known.table, shortage) for part in parts for shortage in part.shortages]
        )
    consumed = []
    for part, changes in zip(parts, admitted, strict=True):
        if changes:
            consumption = apply(service.database, part.known.table, changes)
            consumed.append(consumption.shown(part.known.table.name, mode))
    answer: dict[str, Any] = {
        "UnprocessedItems": {
            part.known.table.name: [orjson.Fragment(bytes(part.requests[n])) for n in part.back]
            for part in parts
            if part.back
        }
    }
    if mode != "NONE":
        answer["ConsumedCapacity"] = consumed
    return answer


def _first_of_each_behaviour(service: Service, parts: Sequence[_Part]) -> list[_Part]:
    """Give a part for each throw of the dice: tables that share them share the throw."""
    behaviours = [id(service.behaviours.of(part.known.table.name)) for part in parts]
    return [part for n, part in enumerate(parts) if behaviours.index(behaviours[n]) == n]


def _divided(request: bytes) -> tuple[Parameters, dict[str, list[msgspec.Raw] | None]]:
    """Decode a request down to its WriteRequests, which stay as they are."""
    try:
        outer = _OUTER.decode(request)
        wanted = _BY_TABLE.decode(outer.pop("RequestItems", b"null"))
    except msgspec.ValidationError:
        raise answers.serialization("RequestItems has a list for every table") from None
    except msgspec.DecodeError:
        raise answers.serialization("The body is not JSON in UTF-8") from None
    rest = {name: orjson.loads(bytes(raw)) for name, raw in outer.items()}
    parameters = write_parameters(rest, "BatchWriteItem", set())
    if not wanted:
        raise answers.validation("The requestItems parameter is required for BatchWriteItem")
    return parameters, wanted


def _check_numbers(wanted: Mapping[str, Sequence[msgspec.Raw] | None]) -> None:
    """Refuse empty lists and more than 25 requests."""
    total = 0
    for name, requests in wanted.items():
        check_name(name, "requestItems", shortest=1)
        if not requests:
            raise answers.validation(
                f"The batch write request list for a table cannot be null or empty: {name}"
            )
        if len(requests) > _MOST_WRITES:
            raise answers.validation(
                f"1 validation error detected: Value '{{{name}=[{len(requests)} requests]}}' at "
                "'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
                f"[Member must have length less than or equal to {_MOST_WRITES}, Member must have "
                "length greater than or equal to 1]"
            )
        total += len(requests)
    if total > _MOST_WRITES:
        raise answers.validation("Too many items requested for the BatchWriteItem call")


def _plan_table(known: Known, requests: Sequence[msgspec.Raw]) -> _Part:
    changes = [_plan(known, orjson.loads(bytes(request))) for request in requests]
    if len({change.key for change in changes}) < len(changes):
        raise answers.validation("Provided list of item keys contains duplicates")
    return _Part(known, requests, changes)


def _plan(known: Known, request: Any) -> Change:
    kinds = ("PutRequest", "DeleteRequest")
    either = Parameters(request, "a WriteRequest", kinds)
    put, delete = (either.get(kind, dict) for kind in kinds)
    if (put is None) == (delete is None):
        raise answers.validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes"
        )
    if put is not None:
        return plan_put(known, _content(put, "PutRequest", "Item"), batch=True)
    return plan_delete(known, _content(delete, "DeleteRequest", "Key"))


def _content(one: Any, kind: str, name: str) -> dict[str, Any]:
    content = Parameters(one, kind, {name}).get(name, dict)
    if content is None:
        raise answers.validation("The supplied Item contains a null AttributeValue")
    return content


def _admit(service: Service, part: _Part) -> list[Change]:
    """Give those of a table's writes that can be made, and note the others in *part*."""
    read_old(service.database, part.known.table, part.changes)
    behaviour, now = service.behaviours.of(part.known.table.name), service.monotonic()
    admitted: list[Change] = []
    for number, change in enumerate(part.changes):
        shortage = None
        back = behaviour.mishaps.hands_back()
        if not back:
            shortage = behaviour.capacity.admit(part.known.table, change.cost, change.spread, now)
            back = shortage is not None
        if back:
            part.back.append(number)
            part.shortages.append(shortage)
        else:
            admitted.append(change)
    return admitted
