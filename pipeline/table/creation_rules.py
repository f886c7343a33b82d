"""What DynamoDB demands of a table that is to be created, checked without asking it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.table.creation import IndexSpec, TableSpec
    from pipeline.table.rules import KeyType

__all__ = ["problems"]

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_NAME_RULE = "is not 3 to 255 characters out of a-z A-Z 0-9 _ . -"
_KINDS = {"gsi": "global", "lsi": "local"}
_KEY_KINDS = frozenset({"S", "N", "B"})
_MAX_GLOBAL = 20
_MAX_LOCAL = 5
_MAX_KEY = 2
_MAX_KEY_NAME = 255
_MAX_PROJECTED = 100


def problems(spec: TableSpec) -> Iterator[str]:
    """Say, a sentence each, why DynamoDB would not create a table."""
    if not _NAME.fullmatch(spec.name):
        yield f"table name {spec.name!r} {_NAME_RULE}"
    yield from _key_problems("the table", spec.key)
    if spec.billing == "provisioned":
        for what, units in (("wcu", spec.wcu), ("rcu", spec.rcu)):
            if units is None or units < 1:
                yield f"provisioned billing needs {what} of at least 1"
    elif spec.wcu is not None or spec.rcu is not None:
        yield "wcu and rcu are for provisioned billing; leave them out, or set billing: provisioned"
    yield from _indexes_problems(spec)
    if spec.ttl == "":
        yield "the ttl attribute has an empty name"


def _indexes_problems(spec: TableSpec) -> Iterator[str]:
    for kind, limit in (("gsi", _MAX_GLOBAL), ("lsi", _MAX_LOCAL)):
        count = sum(index.kind == kind for index in spec.indexes)
        if count > limit:
            yield f"{count} {_KINDS[kind]} secondary indexes; a table may have {limit}"
    types = dict(spec.key)
    seen: set[str] = set()
    projected = 0
    for index in spec.indexes:
        if index.name in seen:
            yield f"two indexes are called {index.name!r}"
        seen.add(index.name)
        yield from _index_problems(spec, index)
        for name, kind in index.key.items():
            if types.setdefault(name, kind) != kind:
                yield f"attribute {name!r} is {types[name]} in one key and {kind} in another"
        projected += len(index.projection) if isinstance(index.projection, tuple) else 0
    if projected > _MAX_PROJECTED:
        yield f"the indexes name {projected} projected attributes; {_MAX_PROJECTED} are allowed"


def _index_problems(spec: TableSpec, index: IndexSpec) -> Iterator[str]:
    title = f"index {index.name!r}"
    if not _NAME.fullmatch(index.name):
        yield f"index name {index.name!r} {_NAME_RULE}"
    yield from _key_problems(title, index.key)
    if index.kind == "lsi":
        yield from _local_problems(title, spec, index)
    if isinstance(index.projection, tuple):
        yield from _projection_problems(title, index.projection)
    for what, units in (("wcu", index.wcu), ("rcu", index.rcu)):
        if units is not None and (index.kind == "lsi" or spec.billing == "on-demand"):
            yield f"{title}: {what} is only for a global index of a provisioned table"
        elif units is not None and units < 1:
            yield f"{title}: {what} must be at least 1"


def _local_problems(title: str, spec: TableSpec, index: IndexSpec) -> Iterator[str]:
    if len(spec.key) < _MAX_KEY:
        yield f"{title} is local, but the table has no sort key"
    if list(index.key)[:1] != list(spec.key)[:1]:
        yield f"{title} is local: its partition key must be the table's"
    if len(index.key) < _MAX_KEY:
        yield f"{title} is local and needs a sort key of its own"


def _projection_problems(title: str, names: tuple[str, ...]) -> Iterator[str]:
    if not names:
        yield f"{title} projects no attribute; say keys_only"
    if len(set(names)) < len(names):
        yield f"{title} names a projected attribute twice"
    for name in names:
        yield from _name_problems(title, name)


def _key_problems(title: str, key: Mapping[str, KeyType]) -> Iterator[str]:
    if not 1 <= len(key) <= _MAX_KEY:
        yield f"{title} has {len(key)} key attributes; it needs one, and may have a second to sort"
    for name, kind in key.items():
        yield from _name_problems(title, name)
        if kind not in _KEY_KINDS:
            yield f"{title}: key {name!r} has type {kind!r}; a key is S, N or B"


def _name_problems(title: str, name: str) -> Iterator[str]:
    """Hold a key's or a projected attribute's name against its limit, stricter than an item's."""
    if not 1 <= len(name.encode("utf-8", "replace")) <= _MAX_KEY_NAME:
        yield f"{title}: attribute names in keys and projections have 1 to {_MAX_KEY_NAME} bytes"
