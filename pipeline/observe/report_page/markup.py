"""Markup: text becomes HTML in one place, and there it is escaped."""

from __future__ import annotations

import json
from typing import Any, Final

from pipeline.core.text import printable

__all__ = ["Markup", "inline_json", "tag", "text"]


_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)


class Markup(str):
    """HTML that is right as it is; everything else is text."""

    __slots__ = ()


def text(words: str) -> Markup:
    """Return *words* as HTML that shows them: nothing in them is markup, or turns the writing."""
    return words if isinstance(words, Markup) else Markup(printable(words).translate(_ESCAPES))


def tag(name: str, *children: str, **attributes: str) -> Markup:
    """
    Return an element; children and the values of attributes are escaped unless they are `Markup`.

    An attribute is named with ``_`` for ``-`` and for what Python keeps to itself: ``class_``.
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{named}>{''.join(map(text, children))}</{name}>")


def inline_json(document: Any) -> Markup:
    """Return *document* for a ``script`` element: no text in it can end that."""
    written = json.dumps(document, separators=(",", ":"))  # ASCII, so no separators of lines either
    for acting in "<>&":
        written = written.replace(acting, f"\\u{ord(acting):04x}")
    return Markup(written)
