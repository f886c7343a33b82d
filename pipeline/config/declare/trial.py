"""Trial: one document that is judged, and every mistake that is found in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.config.problems import DocumentPath

__all__ = ["REFUSED", "Mistake", "Trial"]

REFUSED: Final[Any] = type("Refused", (), {"__slots__": (), "__repr__": lambda _: "REFUSED"})()
"""What a check returns for a value that it has told a mistake of."""


class Mistake(NamedTuple):
    """
    One mistake: where, of which *kind*, and what its message needs.

    *on_key* says that a key of the mapping is meant, not its value.
    """

    path: DocumentPath
    kind: str
    context: Mapping[str, Any]
    on_key: bool = False


class Trial:
    """What the checks of one document share; *base* is the folder that its paths are seen from."""

    def __init__(self, base: Path | None = None) -> None:
        self.base = base
        self.mistakes: list[Mistake] = []

    def refuse(self, path: DocumentPath, kind: str, **context: Any) -> Any:
        """Note a mistake, and return `REFUSED`."""
        self.mistakes.append(Mistake(path, kind, context))
        return REFUSED
