"""
Rules of `target.create` and of the items that have to fit it.

They are DynamoDB's own (CreateTable, and the limits of its developer guide), told before a request
is made: what a table cannot be, and items that could never have its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.config.document.paths import Broken, listing, look, mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TABLE_RULES"]

_MAX_GLOBAL: Final = 20
_MAX_LOCAL: Final = 5
_MAX_PROJECTED: Final = 100  # attributes named in all projections of a table together
_CREATE: Final = ("target", "create")
_INDEXES: Final = (*_CREATE, "indexes")


def _capacity_is_provisioned(document: object) -> Iterator[Broken]:
    create = mapping(document, *_CREATE)
    units = ("wcu", "rcu")
    if create.get("billing") == "provisioned":
        for name in units:
            if name not in create:
                yield (*_CREATE, "billing"), f"provisioned billing needs `{name}`"
        return
    message = "`{}` needs `billing: provisioned`"
    if create.get("billing", "on-demand") != "on-demand":
        return  # no known billing: the model says so
    for name in units:
        if name in create:
            yield (*_CREATE, name), message.format(name)
    for number, index in enumerate(listing(document, *_INDEXES)):
        for name in units:
            if name in mapping(index):
                yield (*_INDEXES, number, name), message.format(name)


def _local_indexes(document: object) -> Iterator[Broken]:
    table_key = list(mapping(document, *_CREATE, "key"))
    for number, index in enumerate(listing(document, *_INDEXES)):
        if look(index, "type") != "local":
            continue
        key = list(mapping(index, "key"))
        if len(table_key) == 1:
            message = "a local index needs a table with a sort key; make it `type: global`"
            yield (*_INDEXES, number, "type"), message
        if key and table_key and (len(key) != 2 or key[0] != table_key[0]):  # noqa: PLR2004 - partition and sort key
            message = (
                f"a local index has the table's partition key, {table_key[0]!r}, and a sort key"
            )
            yield (*_INDEXES, number, "key"), message
        for name in ("wcu", "rcu"):
            if name in index:
                yield (*_INDEXES, number, name), "a local index shares the table's capacity"


def _index_names(document: object) -> Iterator[Broken]:
    seen: set[str] = set()
    for number, index in enumerate(listing(document, *_INDEXES)):
        name = look(index, "name")
        if isinstance(name, str) and name in seen:
            yield (*_INDEXES, number, "name"), "another index has this name already"
        seen.add(str(name))


def _index_counts(document: object) -> Iterator[Broken]:
    indexes = listing(document, *_INDEXES)
    local = sum(look(index, "type") == "local" for index in indexes)
    for kind, count, most in (
        ("global", len(indexes) - local, _MAX_GLOBAL),
        ("local", local, _MAX_LOCAL),
    ):
        if count > most:
            yield _INDEXES, f"{count} {kind} indexes; a table has {most} at most"
    named = sum(len(listing(index, "projection")) for index in indexes)
    if named > _MAX_PROJECTED:
        message = f"the projections name {named} attributes; {_MAX_PROJECTED} is the most"
        yield _INDEXES, message


def _one_type_an_attribute(document: object) -> Iterator[Broken]:
    types: dict[str, object] = {}
    places: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [
        ((*_CREATE, "key"), mapping(document, *_CREATE, "key"))
    ]
    places += [
        ((*_INDEXES, number, "key"), mapping(index, "key"))
        for number, index in enumerate(listing(document, *_INDEXES))
    ]
    for path, key in places:
        for name, kind in key.items():
            if types.setdefault(name, kind) != kind:
                message = "a key attribute has one type; another key gives it a different one"
                yield (*path, name), message


def _items_fit_the_key(document: object) -> Iterator[Broken]:
    table_key = mapping(document, *_CREATE, "key")
    if not table_key:
        return
    for number, item in enumerate(listing(document, "items")):
        for name in mapping(item, "key"):
            if name not in table_key:
                message = f"not in the key of `target.create.key`: {', '.join(table_key)}"
                yield ("items", number, "key", name), message
        for name in table_key:
            if _never_there(item, name):
                message = f"the item never has the key attribute {name!r}; give it a template here"
                yield ("items", number, "key"), message


def _never_there(item: object, name: str) -> bool:
    if name in mapping(item, "key") or name in mapping(item, "set"):
        return False
    only = look(item, "only")
    left_out = isinstance(only, list) and name not in only
    return left_out or name in listing(item, "omit")


TABLE_RULES: Final[tuple[Callable[[object], Iterator[Broken]], ...]] = (
    _capacity_is_provisioned,
    _local_indexes,
    _index_names,
    _index_counts,
    _one_type_an_attribute,
    _items_fit_the_key,
)
