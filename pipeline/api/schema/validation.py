"""Validation: what is wrong with a request, in our words; a library's may hold what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["told"]

_SAID: Final[Mapping[str, str]] = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "extra_forbidden": "is not known here; known are limit, rate and dry_run",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_type": "must be a whole number",
    "json_invalid": "is no JSON",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "missing": "is needed",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_pattern_mismatch": "must be visible ASCII without spaces",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
}
"""By the library's names of mistakes."""

_OURS: Final = "value_error"
_PLACES: Final = frozenset({"body", "header", "path", "query"})


def told(errors: Iterable[Any]) -> list[tuple[str, str]]:
    """Return (field, message) of each of the library's *errors*."""
    return [(_field(error["loc"]), _message(error)) for error in errors]


def _field(place: tuple[object, ...]) -> str:
    names = [str(one) for one in place]
    if names and names[0] in _PLACES:
        names = names[1:]
    return ".".join(names) or "body"


def _message(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    if error["type"] == _OURS:
        return str(context["error"])  # raised by our own validators
    shown = {name: _short(it) for name, it in context.items()}
    return _SAID.get(error["type"], "is not as it should be").format(**shown)


def _short(bound: object) -> object:
    """Return a bound as a person writes it: 1, not 1.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
