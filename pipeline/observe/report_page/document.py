"""The document: sections, style, scripts and numbers in one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.observe.report_page import sections
from pipeline.observe.report_page.markup import Markup, inline_json, tag
from pipeline.observe.report_page.thinning import columns, read_thinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["report_page"]

_HERE: Final = Path(__file__).parent
_CHARTS: Final = _HERE.parent / "page"

_STYLES: Final = (_CHARTS / "uplot.css", _CHARTS / "charts.css", _HERE / "report.css")
_SCRIPTS: Final = (_CHARTS / "uplot.js", _CHARTS / "charts.js", _HERE / "draw.js")


def report_page(folder: Path, report: Mapping[str, Any]) -> bytes:
    """
    Return the page of the run in *folder* with this *report* (as JSON), in UTF-8.

    It asks the network for nothing, and its policy lets it run and style only what it came with. A
    timeline that cannot be read is not drawn.
    """
    samples = _samples(folder)
    began, ended = (samples[0]["at"], samples[-1]["at"]) if samples else (None, None)
    main = tag(
        "main",
        sections.headline(report),
        sections.law(report),
        sections.notices(report),
        sections.charts(drawn=bool(samples)),
        sections.kinds(report),
        sections.errors(report),
        sections.facts(report, began, ended),
    )
    scripts = [path.read_text("utf-8") for path in _SCRIPTS] if samples else []
    style = "\n".join(path.read_text("utf-8") for path in _STYLES)
    numbers = tag("script", inline_json(columns(samples)), type="application/json", id="timeline")
    body = [main, numbers, _notice(), *(tag("script", Markup(script)) for script in scripts)]
    title = f"{report['name']}: {str(report['status']).replace('_', ' ')}"
    head = [
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, scripts)}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", title),
        tag("style", Markup(style)),
    ]
    page = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n".encode("utf-8", "backslashreplace")


def _notice() -> Markup:
    """Return the licence of uPlot, which asks to go wherever its code goes."""
    licence = (_CHARTS / "uplot.LICENSE").read_text("utf-8")
    return Markup(f"<!-- The charts are drawn by uPlot.\n\n{licence}\n-->")


def _samples(folder: Path) -> Sequence[Mapping[str, Any]]:
    try:
        return read_thinned(folder)
    except OSError:
        return ()


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy that allows these texts and nothing else."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(inline: str) -> str:
    digest = hashlib.sha256(inline.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
