"""
Fingerprint: what of a definition must be the same for a run to be resumed.

Two definitions that mean the same have the same fingerprint, however they are written: comments,
the order of keys, variables and defaults that are written out make no difference, nor do 1, 1.0
and 1e0. Tuning, retries, the error budget, queues, log, checkpoints and the target are not in it.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config import Definition
    from pipeline.config.model.items import ItemDefinition, SetValue

__all__ = ["fingerprint_parts"]

_APART: Final = {"path", "expect", "csv"}
"""Fields of a source that are no settings: which files, what is in them; csv is looked into."""

_NEVER_TAB: Final = tuple(
    f".{form}{packed}"
    for form in ("csv", "json", "jsonl", "ndjson")
    for packed in ("", ".gz", ".zst")
)


def fingerprint_parts(definition: Definition) -> dict[str, str]:
    """
    Return SHA-256 digests (hex) by the name of what they stand for, as a person would call it.

    ``schema`` is the record schema with its file read in, ``items`` what a record becomes,
    ``write.mode``, and ``source settings`` how the source is read, or what is generated; which
    files it has and what must be in them is not among these.
    """
    return {
        "schema": _digest(definition.record_schema),
        "items": _digest([_item(item) for item in definition.items]),
        "write.mode": _digest(definition.write.mode),
        "source settings": _digest(_source_settings(definition)),
    }


def _source_settings(definition: Definition) -> dict[str, Any]:
    source = definition.source
    settings = source.plain(_APART)
    if source.type != "generate":
        settings["null_values"] = sorted(set(source.csv.null_values))
        # Left out, it is a comma, but a tab for a part that is called .tsv; one file's name tells,
        # a folder's or a glob's does not.
        given = "delimiter" in source.csv.given
        comma = source.type == "stdin" or source.path.text.lower().endswith(_NEVER_TAB)
        settings["delimiter"] = source.csv.delimiter if given or comma else "by name"
    return settings


def _item(item: ItemDefinition) -> dict[str, Any]:
    return {
        "key": item.key,
        "set": {name: _set_value(value) for name, value in item.set.items()},
        "omit": sorted(set(item.omit)),
        "only": None if item.only is None else sorted(set(item.only)),
        "optional": item.optional,
    }


def _set_value(value: SetValue) -> list[Any]:
    from pipeline.config.declare.section import Section  # noqa: PLC0415 - comes with a definition

    if isinstance(value, Section):
        return [type(value).__name__, value.plain()]
    return ["literal", value]


def _digest(value: Any) -> str:
    return hashlib.sha256("".join(_canonical(value)).encode()).hexdigest()


def _canonical(value: Any) -> Iterator[str]:
    """Yield text that is the same for equal JSON values: keys sorted, numbers exact."""
    if isinstance(value, dict):
        yield "{"
        for name in sorted(value):
            yield f"{json.dumps(name)}:"
            yield from _canonical(value[name])
            yield ","
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for entry in value:
            yield from _canonical(entry)
            yield ","
        yield "]"
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield _number(Decimal(value))
    else:
        yield json.dumps(value)


def _number(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    whole = "".join(map(str, digits))
    significant = whole.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' * sign}{significant}e{int(exponent) + len(whole) - len(significant)}"
