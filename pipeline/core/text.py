"""
Text from strangers, before it is shown: it can neither forge a line nor paint a terminal.

Escaped are what `str.isprintable` calls so on a terminal; in JSON, whose readers may want the rest
as it is, control characters (C0, DEL, C1), the line and paragraph separators that some readers take
for a line's end, the marks that turn the direction of writing, and lone surrogates.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["escape_json", "exact", "printable", "shown_key"]

_ACTING: Final = re.compile(
    rb"\x7f"
    rb"|\xc2[\x80-\x9f]"  # C1
    rb"|\xd8\x9c|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]"  # turn the direction
    rb"|\xe2\x80[\xa8\xa9]"  # end a line, or a paragraph
    rb"|\xed[\xa0-\xbf][\x80-\xbf]"  # lone surrogates, as Python's "surrogatepass" writes them
)
_SHOWN_DIGITS: Final = 16


def escape_json(text: bytes) -> bytes:
    r"""
    Return the same JSON with every character that acts written as ``\uXXXX``.

    *text* is a JSON document in UTF-8, in which C0 is escaped already (JSON demands it); lone
    surrogates may be in it as ``surrogatepass`` encodes them. What it means stays the same.
    """
    if text.isascii() and b"\x7f" not in text:
        return text
    return _ACTING.sub(_escaped, text)


def exact(text: bytes) -> bytes:
    """
    Return the same bytes in no more memory than they need, for what is kept a while.

    What orjson returns keeps the buffer in which it was made: 4 KB at least (measured with 3.13).
    """
    return b"%b" % text


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode("utf-8", "surrogatepass"))


def printable(text: str, *, lines: bool = False) -> str:
    r"""
    Return *text* with every character that does not print shown as its escape, ``\x1b``.

    With *lines* line ends and tabs stay what they are: for text of ours that has several lines.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode()
        for char in text
    )


def shown_key(key: Mapping[str, str] | None, *, hashed: bool) -> dict[str, str] | None:
    """
    Return an item's *key*, by attribute name, as it may be shown.

    With *hashed* each text is ``sha256:`` and the first 16 hexadecimal digits of its SHA-256, so
    that whoever has a key can look for it, and nobody reads it off. It is no secret from somebody
    who can try all keys there are.
    """
    if key is None:
        return None
    return {name: _hash(text) for name, text in key.items()} if hashed else dict(key)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return f"sha256:{digest.hexdigest()[:_SHOWN_DIGITS]}"
