"""References of a schema: each must lead to a place inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from pipeline.transform.schema.dialect import DIALECT, Path, Schema, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reference_problems", "resolve_pointer"]

_BUILT_IN: Final = DIALECT.removesuffix("schema")


def resolve_pointer(schema: Any, fragment: str) -> Any:
    """
    Return what a JSON pointer (``/$defs/name``, percent-encoded as in a URI) leads to.

    :raises LookupError: it leads nowhere.
    """
    value = schema
    for step in unquote(fragment).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal():
            value = value[int(name)]
        elif isinstance(value, dict):
            value = value[name]
        else:
            raise LookupError(name)
    return value


def reference_problems(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Yield every reference that leaves the schema or leads nowhere in it; none is followed."""
    bases = _bases(schema)
    resources = {bases[path]: part for path, part in walk(schema) if not path or "$id" in part}
    anchors = {
        (bases[path], part[keyword])
        for path, part in walk(schema)
        for keyword in ("$anchor", "$dynamicAnchor")
        if isinstance(part.get(keyword), str)
    }
    for path, target in _targets(schema):
        uri, fragment = urldefrag(urljoin(bases[path[:-1]], target))
        if target.startswith("#"):
            uri = bases[path[:-1]]
        if uri in resources:
            if not _leads(resources[uri], fragment, (uri, fragment) in anchors):
                yield path, f"{target!r} leads nowhere: the schema has no such part"
        elif not uri.startswith(_BUILT_IN):
            yield path, _leaves(target)


def _targets(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Yield every reference with its path."""
    for path, part in walk(schema):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(part.get(keyword), str):
                yield (*path, keyword), part[keyword]


def _bases(schema: Schema) -> dict[Path, str]:
    """Return the base URI of every subschema."""
    bases: dict[Path, str] = {}
    for path, part in walk(schema):
        base = next(
            (bases[path[:end]] for end in range(len(path), -1, -1) if path[:end] in bases), ""
        )
        own = part.get("$id")
        bases[path] = urldefrag(urljoin(base, own))[0] if isinstance(own, str) else base
    return bases


def _leads(resource: Any, fragment: str, anchored: bool) -> bool:  # noqa: FBT001 - a fact, no flag
    if not fragment or anchored:
        return True
    if not fragment.startswith("/"):
        return False
    try:
        return isinstance(resolve_pointer(resource, fragment), dict | bool)
    except LookupError:
        return False


def _leaves(target: str) -> str:
    return (
        f"{target!r} leads out of the schema; nothing is ever fetched: copy what it names into "
        "`$defs` and write `#/$defs/NAME`"
    )
