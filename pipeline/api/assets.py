"""Assets: the page's files, all read at the start; no request ever opens a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pipeline.values import dataclass

__all__ = ["Asset", "load_assets"]

_PACKAGE: Final = Path(__file__).parents[1]
_PAGE: Final = _PACKAGE / "api" / "page"
_CHARTS: Final = _PACKAGE / "observe" / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page; *tag* changes with its content."""

    content: bytes
    media_type: str
    tag: str


def load_assets() -> dict[str, Asset]:
    """Read the files of the page and of its charts, by name."""
    return {
        path.name: _load(path)
        for folder in (_CHARTS, _PAGE)
        for path in sorted(folder.glob("*"))
        if path.suffix in _TYPES
    }


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    tag = hashlib.sha256(content, usedforsecurity=False).hexdigest()[:32]
    return Asset(content, _TYPES[path.suffix], f'"{tag}"')
