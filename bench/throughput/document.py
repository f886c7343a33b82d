"""Write the results into a document: each table between its two markers, the prose stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench.throughput import sizing, verdicts
from bench.throughput.modes import comparison, formats, paced, sizes, stages, startup, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["TABLES", "fill", "write_document"]

TABLES: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "comparison": comparison.lines,
    "formats": formats.lines,
    "sizes": sizes.count_lines,
    "item-bytes": sizes.item_lines,
    "workers": workers.lines,
    "startup": startup.lines,
    "stages": stages.lines,
    "paced": paced.lines,
}
"""What makes each mode's table of its results."""

_SECTION = re.compile(r"(<!-- ([a-z-]+): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)


def write_document(path: Path, modes: Mapping[str, Any]) -> None:
    """Fill the sections of *path* from the results."""
    text = path.read_text(encoding="utf-8")
    path.write_text(fill(text, modes), encoding="utf-8")


def fill(text: str, modes: Mapping[str, Any]) -> str:
    """
    Return *text* with every section for which there are results filled anew.

    A section stands between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``; one that is
    named after nothing here, or has no results, is left as it is.
    """

    def section(found: re.Match[str]) -> str:
        name = found[2]
        if name == "targets" and modes:
            body = verdicts.lines(modes)
        elif name == "sizing" and "comparison" in modes:
            body = sizing.lines(modes["comparison"])
        elif name in TABLES and name in modes:
            body = [*TABLES[name](modes[name]), "", _taken(modes[name]["taken"])]
        else:
            return found[0]
        return f"{found[1]}\n" + "\n".join(body) + f"\n\n{found[3]}"

    return _SECTION.sub(section, text)


def _taken(taken: Mapping[str, str]) -> str:
    where = f"{taken['machine']}, Python {taken['python']}"
    return f"{taken['date']}, {where}, commit {taken['commit']}: `{taken['command']}`"
