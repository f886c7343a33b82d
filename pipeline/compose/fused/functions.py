"""The functions around the code of one record: one takes a record, the other many of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.compose.fused.shape import Node

__all__ = ["Made", "one_function", "run_function"]

_SMALL: Final = 4 * 1024
"""Bytes up to which a record takes so little time that many may be done in one go."""

_DOUBT: Final = re.compile(r"\breturn (None|False)$")
"""What ends a record that is for the general way; a literal ends in a quote."""


@dataclass(slots=True)
class Made:
    """An item in the making; *needs* is the expression that says whether it is made."""

    index: int
    needs: str
    attributes: dict[str, Node]
    texts: list[str]
    key: str
    name: str


def one_function(body: Sequence[str], given: str, items: Sequence[Made]) -> list[str]:
    """Return the function that takes one record."""
    made = [f"({item.index}, {item.key}, b{item.name}, z{item.name})" for item in items]
    lines = [f"    def fused({given}):", *body]
    if not any(item.needs for item in items):
        return [*lines, f"        return ({', '.join(made)},)"]
    lines.append("        made = []")
    lines += [
        f"        {f'if {item.needs}: ' if item.needs else ''}made.append({one})"
        for item, one in zip(items, made, strict=True)
    ]
    return [*lines, "        return made"]


def run_function(body: Sequence[str], given: str, items: Sequence[Made]) -> list[str]:
    """
    Return the function that takes many records, up to the first in doubt.

    Such a one has added nothing: items are added when all of a record's are made.
    """
    inner = [
        f"if record.length > {_SMALL} or record.violation is not None: return at",
        "if record.only is not None: return at",
    ]
    if all(item.needs for item in items):
        none = " and ".join(f"not ({item.needs})" for item in items)
        body = [*body, f"        if {none}: return None"]
    adds = [
        f"{f'if {item.needs}: ' if item.needs else ''}"
        f"add(Item({item.key}, b{item.name}, z{item.name}, record, chunk, origin, {item.index}))"
        for item in items
    ]
    deeper = "        "
    return [
        "    def run(records, at, stop, add, chunk, origin):",
        "        try:",
        "            for record in records[at:stop]:",
        *(f"                {line}" for line in inner),
        f"                {given} = record.{given}",
        *(deeper + _DOUBT.sub("return at", line) for line in body),
        *(f"                {line}" for line in adds),
        "                at += 1",
        "        except GIVES_UP:",
        "            pass",
        "        return at",
    ]
