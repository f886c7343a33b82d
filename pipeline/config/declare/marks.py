"""Marks: what stands beside a type in a declaration: bounds, checks, words for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["ABSENT", "Bounds", "Field", "FieldMark", "OneOf", "Shown", "Then", "Written"]

ABSENT: Final[Any] = type("Absent", (), {"__slots__": (), "__repr__": lambda _: "ABSENT"})()
"""Stands for a value that nobody gave."""


class Bounds(NamedTuple):
    """Limits of a number, of a text's length, or of the number of entries."""

    ge: int | None = None
    le: int | None = None
    lt: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None


class FieldMark:
    """What `Field` was given; like all marks, equal to itself alone."""

    __slots__ = ("alias", "bounds", "default", "words")

    def __init__(
        self,
        default: Callable[[Mapping[str, Any]], Any] | None,
        alias: str | None,
        bounds: Bounds,
        words: Mapping[str, Any],
    ) -> None:
        self.default = default
        self.alias = alias
        self.bounds = bounds
        self.words = words


def Field(  # noqa: N802 - it stands where a class does
    *,
    default: Any = ABSENT,
    default_factory: Callable[[], Any] | None = None,
    default_from: Callable[[Mapping[str, Any]], Any] | None = None,
    alias: str | None = None,
    description: str = "",
    examples: Sequence[Any] = (),
    **bounds: Any,
) -> Any:
    """
    Declare a field of a section; without one of the three defaults it has to be given.

    A default is checked as if it were written; *default_from* makes it of the fields before it.
    *alias* is the key in the document, where that is no name of Python's. As a mark on a type
    (``Annotated[int, Field(ge=1)]``) it has *bounds* alone, see `Bounds`.
    """
    words: dict[str, Any] = {"description": description} if description else {}
    if examples:
        words["examples"] = list(examples)
    if default is not ABSENT:
        default_from = lambda _: default  # noqa: E731 - one line of three alike
        words["default"] = list(default) if isinstance(default, tuple) else default
    elif default_factory is not None:
        factory = default_factory
        default_from = lambda _: factory()  # noqa: E731 - as above
    return FieldMark(default_from, alias, Bounds(**bounds), words)


class Then:
    """Marks a value that *check* returns, changed or not, or refuses with a ValueError."""

    __slots__ = ("check",)

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self.check = check


class Shown:
    """Marks a value that is described to editors as *schema*."""

    __slots__ = ("schema",)

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema


class Written:
    """A mark on a value that is written in one form and kept in another."""

    __slots__ = ()

    def parse(self, value: object, base: Path | None, /) -> object:
        """
        Return what is kept; raise ValueError with what is expected.

        *base* is the folder of the definition, None if it has none.
        """
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Describe to editors what is written."""
        raise NotImplementedError


class OneOf:
    """Marks a value that is judged by that of *members* (types) whose name *choose* returns."""

    __slots__ = ("choose", "members")

    def __init__(self, choose: Callable[[object], str], members: Mapping[str, Any]) -> None:
        self.choose = choose
        self.members = members
