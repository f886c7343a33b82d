"""Reading a plain document of which nothing is certain yet."""

from __future__ import annotations

from typing import Any

from pipeline.config.problems import DocumentPath

__all__ = ["Broken", "listing", "look", "mapping"]

Broken = tuple[DocumentPath, str]
"""Where a rule between fields is broken, and how."""


def look(document: object, *path: str) -> object:
    """Return what stands at *path*, None where nothing does."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def mapping(document: object, *path: str) -> dict[str, Any]:
    """Return the mapping at *path*; an empty one where there is none."""
    found = look(document, *path)
    return found if isinstance(found, dict) else {}


def listing(document: object, *path: str) -> list[Any]:
    """Return the list at *path*; an empty one where there is none."""
    found = look(document, *path)
    return found if isinstance(found, list) else []
