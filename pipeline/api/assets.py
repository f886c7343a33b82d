"""Assets: the page's files, read once; a name that is not in the list is never looked for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pipeline.values import dataclass

__all__ = ["Asset", "load_assets"]

_PACKAGE: Final = Path(__file__).parents[1]
_PAGE: Final = _PACKAGE / "api" / "page"
_CHARTS: Final = _PACKAGE / "observe" / "page"

_FILES: Final = {
    "index.html": _PAGE,
    "app.js": _PAGE,
    "style.css": _PAGE,
    "charts.js": _CHARTS,
    "charts.css": _CHARTS,
    "uplot.js": _CHARTS,
    "uplot.css": _CHARTS,
}
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
    """Read the files of the page that are there, by name."""
    found = {}
    for name, folder in _FILES.items():
        path = folder / name
        if path.is_file():
            content = path.read_bytes()
            tag = hashlib.sha256(content, usedforsecurity=False).hexdigest()[:32]
            found[name] = Asset(content, _TYPES[path.suffix], f'"{tag}"')
    return found
