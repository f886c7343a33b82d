"""One file a row of the scoreboard; each has a `ROW`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reliability.board import Row

__all__ = ["all_rows"]


def all_rows() -> list[Row]:
    """Import every row that lies here, in the order of their numbers."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    rows: list[Row] = [
        importlib.import_module(f"{__name__}.{name}").ROW for name in names if name[1:3].isdigit()
    ]
    return sorted(rows, key=lambda row: int(row.id[1:]))
