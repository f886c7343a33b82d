"""Reading a request: a parameter has its type, and none that the engine cannot obey is ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.embedded import answers

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Parameters", "check_enum", "check_name", "write_parameters"]

_T = TypeVar("_T")

_RETURNING = frozenset({"ReturnConsumedCapacity", "ReturnItemCollectionMetrics"})
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_LONGEST_NAME = 255
_SHORTEST_NAME = 3
_JSON_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
}


class Parameters:
    """
    One JSON object of a request; *place* says where it stands, for error texts.

    :raises ServiceError: it has parameters besides *known* that ask for anything.
    """

    def __init__(self, body: Any, operation: str, known: Collection[str]) -> None:
        if not isinstance(body, dict):
            raise answers.serialization(f"{operation} takes a JSON object")
        self._body = body
        self._operation = operation
        unknown = [name for name in body if name not in known and _asks(body[name])]
        if unknown:
            raise answers.unsupported(operation, unknown)

    def __contains__(self, name: str) -> bool:
        return self._body.get(name) is not None

    def get(self, name: str, kind: type[_T]) -> _T | None:
        """
        Give a parameter, None where it is absent or null.

        :raises ServiceError: it has another JSON type.
        """
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise answers.serialization(f"{name} of {self._operation} must be {_JSON_NAMES[kind]}")
        return value

    def flag(self, name: str) -> bool:
        """Give a boolean parameter, false where it is absent."""
        return bool(self.get(name, bool))

    def table_name(self) -> str:
        """Give TableName as the calls on an existing table take it."""
        name = self.get("TableName", str)
        check_name(name, "tableName", shortest=1)
        return name or ""

    def enum(self, name: str, values: tuple[str, ...], default: str) -> str:
        """Give one of *values*, or *default*."""
        value = self.get(name, str)
        if value is None:
            return default
        check_enum(value, f"{name[0].lower()}{name[1:]}", values)
        return value

    def limit(self, name: str, most: int | None = None) -> int | None:
        """Give a count of at least 1."""
        value = self.get(name, int)
        if value is None:
            return None
        place = f"{name[0].lower()}{name[1:]}"
        if value < 1:
            raise _constraint(value, place, "Member must have value greater than or equal to 1")
        if most is not None and value > most:
            raise _constraint(value, place, f"Member must have value less than or equal to {most}")
        return value

    def capacity_mode(self) -> str:
        """Give ReturnConsumedCapacity."""
        return self.enum("ReturnConsumedCapacity", ("INDEXES", "TOTAL", "NONE"), "NONE")


def _asks(value: object) -> bool:
    """Absent, null, false and an empty list ask for nothing; empty text may be an expression."""
    return not (value is None or value is False or value == [])


def write_parameters(body: Any, operation: str, own: set[str]) -> Parameters:
    """
    Read a writing call's parameters: its *own* and those that all have.

    :raises ServiceError: there are others, or item collection metrics are asked for.
    """
    parameters = Parameters(body, operation, own | _RETURNING)
    metrics = parameters.enum("ReturnItemCollectionMetrics", ("SIZE", "NONE"), "NONE")
    if metrics != "NONE":
        raise answers.unsupported(operation, ["ReturnItemCollectionMetrics"])
    return parameters


def check_name(name: str | None, place: str, *, shortest: int = _SHORTEST_NAME) -> None:
    """
    Hold the name of a table or an index against the service's constraint.

    :raises ServiceError: it is absent, too short, too long, or has other characters.
    """
    if name is None:
        raise _constraint(None, place, "Member must not be null")
    if len(name) < shortest:
        rule = f"Member must have length greater than or equal to {shortest}"
        raise _constraint(name, place, rule)
    if len(name) > _LONGEST_NAME:
        rule = f"Member must have length less than or equal to {_LONGEST_NAME}"
        raise _constraint(name, place, rule)
    if not _NAME.fullmatch(name):
        rule = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        raise _constraint(name, place, rule)


def check_enum(value: str | None, place: str, values: tuple[str, ...]) -> None:
    """
    Hold a word against those that the service knows.

    :raises ServiceError: it is another.
    """
    if value is None:
        raise _constraint(None, place, "Member must not be null")
    if value not in values:
        rule = f"Member must satisfy enum value set: [{', '.join(values)}]"
        raise _constraint(value, place, rule)


def _constraint(value: object, place: str, rule: str) -> answers.ServiceError:
    shown = "null" if value is None else f"'{value}'"
    return answers.validation(
        f"1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: "
        f"{rule}"
    )
