"""The types that the parts of a definition have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

from pipeline.config.declare.marks import Field, Shown, Written
from pipeline.values import dataclass

__all__ = ["AnyText", "AttributeName", "Flag", "LocalPath", "ResolvedPath", "Text", "Whole"]

Text = str
AnyText = Annotated[str, Shown({"type": ["string", "number", "boolean"]})]
"""Text that needs no quotes even where it looks like a number (`document.scalars` sees to it)."""

Flag = bool
Whole = int

_NAME_BYTES: Final = 255  # of an attribute that is a key or a TTL; others may be longer


AttributeName = Annotated[Text, Field(min_length=1, max_length=_NAME_BYTES)]


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """
    A path in a definition.

    *text* is what was written. *resolved* is the same seen from the definition's folder, absolute,
    with ``~`` expanded; a glob is still a glob in it.
    """

    text: str
    resolved: Path


class _Path(Written):
    def parse(self, value: object, base: Path | None) -> ResolvedPath:
        if isinstance(value, ResolvedPath):
            return value
        if not isinstance(value, str):
            raise ValueError("expected a path, as text")  # noqa: TRY004 - a check's protocol
        if not value or "\0" in value or re.fullmatch(r"\s+", value):
            raise ValueError("the path is empty")
        return ResolvedPath(value, (base or Path.cwd()).absolute() / Path(value).expanduser())

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


LocalPath = Annotated[ResolvedPath, _Path()]
