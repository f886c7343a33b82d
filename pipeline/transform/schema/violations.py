"""What jsonschema-rs finds, as violations: where, which keyword, and never the value itself."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pipeline.model import TypedSet, Violation
from pipeline.transform.schema.numeric import number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import jsonschema_rs

__all__ = ["MAX_VIOLATIONS", "class_of", "field_path", "violations"]

MAX_VIOLATIONS: Final = 100
"""An object with a million unknown names is one bad record, not a million violations."""

_SHOWN: Final = 120
_PATH: Final = 400
"""A record may have a field whose name is the whole of its four megabytes; a message may not."""

_UNITS: Final = {
    "minLength": "character",
    "maxLength": "character",
    "minItems": "element",
    "maxItems": "element",
    "minProperties": "field",
    "maxProperties": "field",
}

_WORDINGS: Final = {
    "falseSchema": "must be absent: the schema allows no value here",
    "uniqueItems": "must not have the same element twice",
    "contains": "has not as many elements of the kind that `contains` asks for as it must",
    "not": "must not be what `not` describes",
    "unevaluatedItems": "has elements that the schema does not describe",
}


def violations(
    errors: Iterable[jsonschema_rs.ValidationError],
    record: Any,
    patterns: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Violation, ...]:
    """
    Return each error once as a violation, in the library's order, at most `MAX_VIOLATIONS`.

    *record* is what was checked; its values are looked at for their class and size only.
    *patterns* are the author's spellings of those that the library was given.
    """
    found: dict[Violation, None] = {}
    for error in errors:
        for path, rule, message in _told(error, record, patterns):
            if len(found) == MAX_VIOLATIONS:
                return (*found, Violation("schema", "more", "there are more violations than these"))
            found[Violation("schema", rule, message, field_path(path) or None)] = None
    return tuple(found)


def field_path(path: Sequence[str | int]) -> str:
    """Write a path as people do: ``address.city``, ``tags[3]``; what is very long is cut."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_cut(step)}" for step in path)
    return _cut(text.removeprefix("."), _PATH)


def _cut(text: str, limit: int = _SHOWN) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def class_of(value: Any) -> str:  # noqa: PLR0911 - one answer a class
    """Name the class and the size of a value, which may be told where the value may not."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return f"text of {_count(len(value), 'character')}"
        case int():
            return "an integer"
        case Decimal() | float():
            return "a number"
        case bytes():
            return f"binary of {_count(len(value), 'byte')}"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {_count(len(value), 'field')}"
        case TypedSet():
            return f"a set of {len(value.members)}"
    return f"of the unknown class {type(value).__name__}"


def _told(
    error: jsonschema_rs.ValidationError, record: Any, patterns: Mapping[str, str]
) -> Iterator[tuple[Sequence[str | int], str, str]]:
    path, kind = error.instance_path, error.kind
    rule = kind.name
    facts = kind.as_dict()
    closed = _closing(error.schema_path) if rule == "falseSchema" else rule
    if rule == "required":
        if error.schema_path[-1:] == ["dependentRequired"]:
            rule = "dependentRequired"
        yield [*path, facts["property"]], rule, "is required"
    elif closed in {"additionalProperties", "unevaluatedProperties"}:
        for name in facts.get("unexpected") or _at(record, path) or ():
            yield [*path, name], closed, "is not allowed here: the schema does not name it"
    elif rule == "propertyNames":
        for _, _, message in _told(facts["error"], None, patterns):
            yield path, rule, f"the name of a field here {message}"
    else:
        if "pattern" in facts:
            facts["pattern"] = patterns.get(facts["pattern"], facts["pattern"])
        yield path, rule, _message(rule, facts, _at(record, path))


def _closing(schema_path: Sequence[str | int]) -> str:
    """Name the keyword that allows no name at all, which the library calls a false schema."""
    match schema_path:
        case [*_, "properties" | "patternProperties" | "dependentSchemas", _]:
            return ""
        case [*_, ("additionalProperties" | "unevaluatedProperties") as keyword]:
            return keyword
    return ""


def _message(rule: str, facts: dict[str, Any], value: Any) -> str:  # noqa: PLR0911 - one a keyword
    match rule:
        case "type":
            wanted = " or ".join(sorted(facts["types"], key=_null_last))
            return f"must be {wanted}, is {class_of(value)}"
        case "pattern" if "pattern" in facts:
            return f"must match the pattern {_shown(facts['pattern'])}"
        case "pattern":  # one with look-around or a back-reference, which takes steps back
            return f"takes too many steps to be matched with the pattern, is {class_of(value)}"
        case "format":
            return f"must be a valid {facts['format']}, is {class_of(value)}"
        case "enum":
            return f"must be one of {_shown(facts['options'])}"
        case "const":
            return f"must be {_shown(facts['expected_value'])}"
        case "anyOf" | "oneOf" if "context" in facts:
            return _alternatives(rule, facts["context"])
    if rule in _UNITS:
        return _counted(rule, facts["limit"], value)
    if rule in _WORDINGS:
        return _WORDINGS[rule]
    # The exact keywords carry their own text, which holds the schema's limit alone.
    return str(facts.get("message", f"breaks the keyword {rule!r} of the schema"))


def _alternatives(rule: str, context: list[list[Any]]) -> str:
    if any(not errors for errors in context):
        return f"matches more than one of the {len(context)} alternatives of `{rule}`"
    number, nearest = min(enumerate(context, 1), key=lambda entry: len(entry[1]))
    path, _, message = next(_told(nearest[0], None, {}))
    where = f"{field_path(path)} " if path else ""
    wrong = message.partition(", is ")[0]  # the class of the value is not known here
    return (
        f"matches none of the {len(context)} alternatives of `{rule}`; "
        f"nearest is number {number}: {where}{wrong}"
    )


def _counted(rule: str, limit: int, value: Any) -> str:
    bound = "at least" if rule.startswith("min") else "at most"
    has = f", has {len(value)}" if isinstance(value, str | list | dict) else ""
    return f"must have {bound} {_count(limit, _UNITS[rule])}{has}"


def _at(record: Any, path: Sequence[str | int]) -> Any:
    value = record
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _null_last(name: str) -> tuple[bool, str]:
    return (name == "null", name)


def _shown(value: Any) -> str:
    """Write a value of the schema, never one of the record."""
    if isinstance(value, list):
        text = ", ".join(map(_shown, value[:10])) + (", …" if len(value) > 10 else "")  # noqa: PLR2004 - as many as a line holds
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, int | Decimal):
        text = number_text(value)
    else:
        text = repr(value)
    return _cut(text)
