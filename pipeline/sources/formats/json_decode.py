"""
One JSON text into fields, exactly: no float, no duplicate key, no text that cannot be encoded.

msgspec does the work. What it lets pass (duplicate keys: the last wins) is found by counting, and
what it reports in its own words is said here in the words of the record's author.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import Refused
from pipeline.model import Violation
from pipeline.sources.formats.duplicate_keys import members, path_of_duplicate

if TYPE_CHECKING:
    from pipeline.model import Value

__all__ = ["MAX_DEPTH", "decode_object"]

MAX_DEPTH = 128
"""
Levels of nesting that are decoded, the record itself being the first.

DynamoDB takes 32; the rest is room for fields that are dropped. A fixed limit, because the
interpreter's own depends on how deep its stack already is.
"""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode

_LONG = 64 * 1024
_LONG_JSON = msgspec.json.Decoder(float_hook=lambda text: Decimal(text))  # noqa: PLW0108 - see below
"""For a long record, which is decoded in a thread: a call into Python lets other threads in."""

_SPACES = b" \t\r\n"
_MALFORMED = re.compile(r"JSON is malformed: (?P<what>.*) \(byte (?P<at>\d+)\)")

_ESCAPE = re.compile(rb"\\(?:u(?P<code>[0-9a-fA-F]{4})|.)", re.DOTALL)
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
_CONSTANT = re.compile(rb"NaN|-?Infinity|[iI]nf\b|nan\b")
_JSON_TYPES: dict[type, str] = {
    list: "an array",
    str: "a text",
    int: "a number",
    Decimal: "a number",
    bool: "a boolean",
    type(None): "null",
}


def decode_object(raw: bytes) -> dict[str, Value]:
    """
    Decode the JSON object in *raw*; numbers become int, or Decimal with every digit kept.

    Raises `Refused` with the rule ``json_syntax``, ``encoding``, ``not_an_object``, ``depth``,
    ``number`` or ``duplicate_key``.
    """
    size = len(raw)
    try:
        value = _decode(raw) if size < _LONG else _LONG_JSON.decode(raw)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise Refused(_diagnose(raw, error)) from error
    if value.__class__ is not dict:
        kind = _JSON_TYPES[type(value)]
        raise _refused("not_an_object", f"the record is {kind}, and must be a JSON object")
    # So many levels have as many brackets that open, and as many that close.
    if (
        size > 2 * MAX_DEPTH
        and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
        and not _within(value)
    ):
        raise _too_deep()
    pairs = raw.translate(None, _SPACES).count(b'":')
    if pairs != len(value):
        # The members of the objects right in it: all of them, or fewer than were decoded.
        for inner in value.values():
            if type(inner) is dict:
                pairs -= len(inner)
        if pairs != len(value):
            _check_keys(raw, value)
    return value


def _check_keys(raw: bytes, value: dict[str, Any]) -> None:
    """
    Refuse *raw* if an object in it has a key twice; *value* is what it was decoded to.

    Each key ends in a quote and a colon, with nothing but white space between; so, with all white
    space left out, there is one such pair for each member written, and some more inside of texts.
    And there are at least as many members written as decoded. Where both ends are equal nothing was
    lost, and the text needs no second look.
    """
    if raw.translate(None, _SPACES).count(b'":') == members(value):
        return
    found = path_of_duplicate(raw)
    if found is not None:
        path, key = found
        raise _refused(
            "duplicate_key",
            f"the key {_shorten(key)!r} stands more than once in one object",
            field=path,
        )


def _within(value: Any) -> bool:
    """Say whether *value* nests at most `MAX_DEPTH` levels deep."""
    layer = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for holder in layer:
            held = holder.values() if type(holder) is dict else holder
            inner.extend(child for child in held if type(child) in (dict, list))
        if not inner:
            return True
        layer = inner
    return False


def _diagnose(raw: bytes, error: Exception) -> Violation:
    """Say in one violation why *raw* could not be decoded; *error* is what msgspec said."""
    if isinstance(error, UnicodeDecodeError):
        return _violation("encoding", f"byte {_first_bad(raw)} of the record is not valid UTF-8")
    if isinstance(error, RecursionError):
        return _too_deep().violations[0]
    if isinstance(error, InvalidOperation | msgspec.ValidationError):
        digits = isinstance(error, msgspec.ValidationError)
        what = "an integer has more than 4300 digits" if digits else "an exponent is too large"
        return _violation("number", what)
    return _diagnose_text(raw, error)


def _diagnose_text(raw: bytes, error: Exception) -> Violation:
    at = _lone_surrogate(raw)
    if at is not None:
        return _violation(
            "encoding",
            f"half of a surrogate pair (\\uD800 to \\uDFFF) stands alone at byte {at}: "
            "no text can hold it",
        )
    found = _MALFORMED.match(str(error))
    if found is None:
        return _violation("json_syntax", f"the JSON ends at byte {len(raw)} before it is complete")
    return _syntax(raw, found["what"], int(found["at"]))


def _syntax(raw: bytes, what: str, at: int) -> Violation:
    if _CONSTANT.match(raw, at) or _CONSTANT.match(raw, max(0, at - 1)):
        return _violation("number", f"NaN and Infinity are no JSON numbers (byte {at})")
    if what == "trailing characters":
        return _violation(
            "json_syntax",
            f"something follows the JSON object at byte {at - 1}; one object a record",
        )
    if raw.startswith(b"\xef\xbb\xbf"):
        what = "a byte order mark inside the file"
    return _violation("json_syntax", f"no valid JSON: {what} at byte {at}")


def _lone_surrogate(raw: bytes) -> int | None:
    """Find an escaped high surrogate without its low one, or the other way round."""
    high: re.Match[bytes] | None = None
    for escape in _ESCAPE.finditer(raw):
        code = int(escape["code"] or b"0", 16)
        low = code in _LOW
        if high is not None and not (low and escape.start() == high.end()):
            return high.start()
        if high is None and low:
            return escape.start()
        high = escape if code in _HIGH else None
    return None if high is None else high.start()


def _first_bad(raw: bytes) -> int:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _shorten(name: str, limit: int = 80) -> str:
    """Cut *name* so that a message stays readable."""
    return name if len(name) <= limit else f"{name[:limit]}…"


def _too_deep() -> Refused:
    return _refused("depth", f"the record nests deeper than {MAX_DEPTH} levels")


def _violation(rule: str, message: str, field: str | None = None) -> Violation:
    return Violation(kind="malformed", rule=rule, message=message, field=field)


def _refused(rule: str, message: str, field: str | None = None) -> Refused:
    return Refused(_violation(rule, message, field))
