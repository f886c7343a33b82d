"""What is wrong with a definition, where, and how it is shown to the person who wrote it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "DocumentPath",
    "Place",
    "Problem",
    "Problems",
    "TooManyProblemsError",
    "printable",
    "render",
    "split_lines",
]

DocumentPath = tuple[str | int, ...]
"""Keys and list indexes from the top of the definition down; shown joined by dots."""

_PASSWORD: Final = re.compile(r"(://[^/@\s]*?:)([^/\s]+)@")
_LINE_END: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SHOWN_PROBLEMS: Final = 100  # a hostile file can hold thousands; nobody reads further
_MOST_PROBLEMS: Final = 500  # and nobody pays for them to be found
_SHOWN_COLUMNS: Final = 160


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where something was written: in the file, or in a ``--set`` of the command line.

    *line* and *column* count characters from 1; *width* is how many characters the caret line
    underlines, at most to the end of that line. *override* is the text after ``--set``; the numbers
    mean nothing then.
    """

    line: int = 1
    column: int = 1
    width: int = 1
    override: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing that has to be changed.

    *wrong* is what was written and *near* are the names that could have been meant; the nearest is
    looked for only when the problem is shown, because a hostile file has thousands of them. If
    there is none, *otherwise* is listed. A *secret* problem hides the rest of its line.
    """

    place: Place
    where: DocumentPath
    message: str
    wrong: str = ""
    near: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    secret: bool = False


class TooManyProblemsError(Exception):
    """So much is wrong with a definition that the rest of it is not looked at."""


class Problems:
    """
    The problems of one definition, gathered by all steps of loading it.

    With the 500th one it is enough: whatever adds it gets a `TooManyProblemsError`.
    """

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._spoilt: set[Place] = set()

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem) -> None:
        """Note a problem once, unless its place is already known to hold nothing that counts."""
        if problem.place not in self._spoilt:
            self._found[problem] = None
        if len(self._found) == _MOST_PROBLEMS:
            raise TooManyProblemsError

    def spoil(self, problem: Problem) -> None:
        """Note a problem that leaves no value at its place, so that nothing follows from it."""
        self.add(problem)
        self._spoilt.add(problem.place)


def split_lines(text: str) -> list[str]:
    """Return the lines of a text as libyaml counts them, without their ends."""
    return _LINE_END.split(text)


def render(problems: Iterable[Problem], file: str, text: str) -> str:
    """
    Return all problems as one text: those of the file by line, then those of ``--set``.

    *file* is how the file is called, *text* what stands in it.
    """
    lines = split_lines(text)
    ordered = sorted(problems, key=_order)
    secrets = _secret_columns(ordered)
    blocks = [
        _block(problem, file, lines, secrets.get(problem.place.line))
        for problem in ordered[:_SHOWN_PROBLEMS]
    ]
    if len(ordered) > _SHOWN_PROBLEMS:
        blocks.append(f"... and {len(ordered) - _SHOWN_PROBLEMS} more")
    if len(ordered) == _MOST_PROBLEMS:
        blocks.append(f"{_MOST_PROBLEMS} problems in {file}, or more: the rest was not looked at")
    elif len(ordered) > 1:
        blocks.append(f"{len(ordered)} problems in {file}")
    return "\n".join(blocks)


def printable(text: str, limit: int = _SHOWN_COLUMNS) -> str:
    """Return *text* cut to *limit*, without characters that would act on a terminal."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def _order(problem: Problem) -> tuple[bool, int, int]:
    place = problem.place
    return (place.override is not None, place.line, place.column)


def _secret_columns(problems: Iterable[Problem]) -> dict[int, int]:
    columns: dict[int, int] = {}
    for problem in problems:
        if problem.secret and problem.place.override is None:
            end = problem.place.column - 1 + problem.place.width
            columns[problem.place.line] = min(end, columns.get(problem.place.line, end))
    return columns


def _block(problem: Problem, file: str, lines: Sequence[str], secret: int | None) -> str:
    place = problem.place
    where = printable(".".join(map(str, problem.where)))
    text = (f"{where}: " if where else "") + printable(problem.message, 1_000)
    text += _suggestion(problem)
    if place.override is not None:
        given = _without_password(place.override)
        if problem.secret:
            given = place.override.partition("=")[0] + "=***"
        return f"--set {printable(given)}: {text}"
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if secret is not None:
        line = line[:secret] + ("*" * 3 if len(line) > secret else "")
    return f"{file}:{place.line}:{place.column}: {text}\n{_excerpt(line, place)}"


def _without_password(text: str) -> str:
    """Return *text*, as long as it was, without a password in a URL that stands in it."""
    return _PASSWORD.sub(lambda found: found[1] + "*" * len(found[2]) + "@", text)


def _excerpt(line: str, place: Place) -> str:
    start = place.column - 1
    cut = max(0, start - _SHOWN_COLUMNS // 2)
    shown = _without_password(line)[cut : cut + _SHOWN_COLUMNS]
    lead = "".join("\t" if char == "\t" else " " for char in shown[: start - cut])
    width = max(1, min(place.width, len(shown) - (start - cut)))
    gutter = f"{place.line:>5} | "
    line_text = "".join(char if char == "\t" or char.isprintable() else "\ufffd" for char in shown)
    return f"{gutter}{line_text}\n{' ' * 5} | {lead}{'^' * width}"


def _suggestion(problem: Problem) -> str:
    near = difflib.get_close_matches(problem.wrong, problem.near, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; valid here: {', '.join(problem.otherwise)}" if problem.otherwise else ""
