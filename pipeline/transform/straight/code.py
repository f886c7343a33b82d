"""Source code under construction, into which no text of a definition gets but as a literal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Code", "TooLongError"]

_MAX_LINES: Final = 5_000
"""How long a function may get; a definition that asks for more takes the plain way."""


class TooLongError(Exception):
    """The code would be longer than is worth to compile."""


class Code:
    """
    The body of one function of *parameters*, line by line.

    Whatever comes from a definition goes in through `constant`: text and whole numbers as their
    `repr`, which is a literal whatever they hold, everything else as a name of the closure.
    """

    def __init__(self, *parameters: str) -> None:
        self._parameters = parameters
        self._lines: list[str] = []
        self._names: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._variables = 0

    def line(self, depth: int, text: str) -> None:
        """Add a line, *depth* blocks inside of the function."""
        if len(self._lines) == _MAX_LINES:
            raise TooLongError
        self._lines.append("    " * (depth + 2) + text)

    def constant(self, value: Any) -> str:
        """Return the source of a constant: a literal, or a name that stands for it."""
        if type(value) in (int, str, bool):
            return repr(value)
        name = self._known.get(id(value))
        if name is None:
            name = f"c{len(self._names)}"
            self._names[name] = value  # which also keeps it, and so its id
            self._known[id(value)] = name
        return name

    def variable(self) -> str:
        """Return a name that nothing else has."""
        self._variables += 1
        return f"v{self._variables}"

    def compiled(self, name: str) -> Callable[..., Any]:
        """Return the function; *name* is what a traceback calls it."""
        # A closure's names are nearly as fast as locals, and cost nothing per call.
        head = [
            f"def make({', '.join(self._names)}):",
            f"    def straight({', '.join(self._parameters)}):",
        ]
        source = "\n".join([*head, *self._lines, "    return straight"])
        names: dict[str, Any] = {}
        exec(compile(source, f"<{name}>", "exec"), names)  # noqa: S102 - of a definition it holds only literals, by repr
        straight: Callable[..., Any] = names["make"](**self._names)
        return straight
