"""Columns: a field that no column of the source has is told once, not with every record."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError
from pipeline.transform.specs import FromField, TemplateText
from pipeline.transform.template import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.sources.base import Part
    from pipeline.transform.specs import ItemSpec

__all__ = ["check_columns", "column_warnings", "known_columns"]


def known_columns(parts: Sequence[Part]) -> list[str] | None:
    """Return every column that some part has; None where a part does not say what it has."""
    names: dict[str, None] = {}
    for part in parts:
        if part.columns is None:
            return None
        names.update(dict.fromkeys(part.columns))
    return list(names) or None


def check_columns(parts: Sequence[Part], items: Sequence[ItemSpec]) -> None:
    """Raise `PreflightError` if an item is made of a field that no column can fill."""
    columns = known_columns(parts)
    if columns is None:
        return
    for index, item in enumerate(items):
        for where, field in _needed(item):
            if not _is_column(field, columns):
                raise _missing(f"items.{index}.{where}", field, columns, parts)


def column_warnings(
    parts: Sequence[Part], items: Sequence[ItemSpec], schema: Mapping[str, object]
) -> Iterator[str]:
    """Yield a sentence for each name that is allowed to fit no column, but may be misspelt."""
    columns = known_columns(parts)
    if columns is None:
        return
    properties = schema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    named = [("schema.properties", name) for name in names]
    named += [(f"items.{n}.omit", name) for n, item in enumerate(items) for name in item.omit]
    for where, name in named:
        if not _is_column(name, columns):
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f"; is it {near[0]!r}?" if near else ""
            yield f"{where} names {name!r}, which no column of the source has{hint}"


def _needed(item: ItemSpec) -> Iterator[tuple[str, str]]:
    templates = [(f"key.{name}", text) for name, text in item.key.items()]
    for name, value in item.set.items():
        if isinstance(value, FromField):
            yield f"set.{name}", value.field
        elif isinstance(value, TemplateText):
            templates.append((f"set.{name}", value.text))
    if not item.optional:
        for where, text in templates:
            for field in parse(text).needed:
                yield where, field
    for name in item.only or ():
        yield "only", name


def _is_column(field: str, columns: Sequence[str]) -> bool:
    return field in columns or field.split(".", 1)[0] in columns


def _missing(
    where: str, field: str, columns: Sequence[str], parts: Sequence[Part]
) -> PreflightError:
    """Say that a column is missing; all that there are may be a record, of a file without names."""
    source = repr(parts[0].name) if len(parts) == 1 else "the source"
    told = f"{where} uses {field!r}, and {source} has no such column; "
    near = difflib.get_close_matches(field, columns, n=1)
    if near:
        return PreflightError(f"{told}did you mean {near[0]!r}?")
    return PreflightError(
        f"{told}does its first line name its columns, all {len(columns):,} of them?",
        quoted=f" They are {_listed(columns)}",
    )


def _listed(columns: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"
