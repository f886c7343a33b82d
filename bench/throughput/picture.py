"""
A picture of where the time of a record goes: one bar, and the name and share of each part.

Plain SVG. Colours follow the reader's light or dark theme by a media query, text stands outside the
bar in a colour that both themes carry, and every part is named in words, so that no meaning hangs
on a colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.throughput.modes.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["draw"]

_WIDTH = 760
_LEFT, _BAR = 190, 450
_TOP, _STEP, _THICK = 64, 30, 18
_COLOURS = (
    "#4c78a8",
    "#f58518",
    "#e45756",
    "#72b7b2",
    "#54a24b",
    "#b79a20",
    "#b279a2",
    "#d6708b",
    "#8c8c8c",
)
_STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#24292f}"
    ".title{font-size:15px;font-weight:600}.faint{fill:#57606a}.axis{stroke:#8c959f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9da7b1}}"
)


def draw(document: Mapping[str, Any]) -> str:
    """Return the SVG of one result of the mode ``stages``: a bar a stage, each where it begins."""
    whole, each = document["whole_us"], document["us"]
    # A part may be negative, and then moves the next one back: the scale is the widest point.
    ends, at = [], 0.0
    for value in each.values():
        ends.append((at, at + value))
        at += value
    widest = max([whole, *(max(pair) for pair in ends), 1e-9])
    scale = _BAR / widest
    height = _TOP + _STEP * len(each) + 40
    title = f"Where the {whole:.1f} µs of processor time of a record go"
    box = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(_told(each))}</desc>',
        f"<style>{_STYLE}</style>",
        _text(20, 28, title, "title"),
        _text(20, 48, "each stage begins where the one before it ends", "faint"),
    ]
    for row, ((name, value), (start, end)) in enumerate(zip(each.items(), ends, strict=True)):
        y = _TOP + _STEP * row
        x = _LEFT + min(start, end) * scale
        width = max(abs(value) * scale, 1.0)
        colour = _COLOURS[row % len(_COLOURS)]
        body.append(_text(_LEFT - 12, y + 14, STAGES[name], anchor="end"))
        body.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_THICK}" rx="2" '
            f'fill="{colour}"/>'
        )
        body.append(_text(x + width + 8, y + 14, f"{value:.1f} µs, {value / whole:.0%}"))
    y = _TOP + _STEP * len(each)
    body += [
        f'<line class="axis" x1="{_LEFT}" y1="{y}" x2="{_LEFT + _BAR}" y2="{y}"/>',
        _text(_LEFT, y + 18, "0", "faint"),
        _text(_LEFT + whole * scale, y + 18, f"{whole:.1f} µs", "faint", anchor="end"),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y}"{style}{placed}>{escape(words)}</text>'


def _told(each: Mapping[str, float]) -> str:
    return "; ".join(f"{STAGES[name]} {value:.1f} µs" for name, value in each.items())
