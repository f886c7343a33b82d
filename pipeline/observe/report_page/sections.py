"""Sections: what the report says, as parts of a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline.observe.report_page.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["charts", "errors", "facts", "headline", "kinds", "law", "notices"]

_NOTHING: Final = Markup("")

_TONES: Final = {
    "succeeded": "good",
    "completed_with_errors": "warn",
    "stopped": "warn",
    "failed": "bad",
}

_PARTS: Final = (
    ("succeeded", "in the table"),
    ("superseded", "replaced by a later record of the same key"),
    ("rejected", "refused by schema, rules or table"),
    ("failed", "good, but the attempts ran out"),
)

_SHOWN: Final = 15
"""Errors that are seen at once; the others unfold."""

_HEADS: Final = ("Where", "Rule", "Message", "Key")


def headline(report: Mapping[str, Any]) -> Markup:
    """Say how the run ended, what it was, and why it ended early."""
    status = str(report["status"])
    said = _NOTHING
    if report.get("message"):
        stage = f" (stage: {report['stage']})" if report.get("stage") else ""
        said = tag("p", f"{report['message']}{stage}", class_="message")
    dry = "Dry run: nothing was written." if report["dry_run"] else ""
    return tag(
        "header",
        tag("span", status.replace("_", " "), class_=f"status {_TONES.get(status, 'warn')}"),
        tag("h1", f"{report['name']} → {report['table']}"),
        said,
        tag("p", dry, class_="dry") if dry else _NOTHING,
        class_=_TONES.get(status, "warn"),
    )


def law(report: Mapping[str, Any]) -> Markup:
    """Show that every item is accounted for: the total is the sum of its parts."""
    terms = [_term("total", report["total"], "items, each counted once")]
    for sign, (name, meaning) in zip("=+++", _PARTS, strict=True):
        if name == "succeeded" and report["dry_run"]:
            meaning = "would be in the table"  # noqa: PLW2901 - the same, in a dry run
        terms += [tag("span", sign, class_="sign"), _term(name, report[name], meaning)]
    open_ = _NOTHING
    if report.get("unsettled"):
        open_ = tag(
            "p",
            f"{report['unsettled']:,} more items may or may not be in the table; a resume sends "
            "them again.",
            class_="unsettled",
        )
    return _section("Items", tag("div", *terms, class_="law"), open_)


def _term(name: str, value: int, meaning: str) -> Markup:
    some = "" if value else " none"
    return tag(
        "div",
        tag("b", f"{value:,}"),
        tag("span", name),
        tag("small", meaning),
        class_=f"term {name}{some}",
    )


def notices(report: Mapping[str, Any]) -> Markup:
    """Show the warnings, if there are any."""
    warnings = [tag("li", str(one)) for one in report["warnings"]]
    return _section("Warnings", tag("ul", *warnings, class_="warnings")) if warnings else _NOTHING


def charts(*, drawn: bool) -> Markup:
    """Leave room for the charts; *drawn*: there is a timeline to draw."""
    if not drawn:
        return _section("Over time", tag("p", "This run has no timeline.", class_="empty"))
    without = tag("noscript", tag("p", "The charts are drawn by JavaScript, which is off here."))
    return _section("Over time", tag("div", id="charts"), without)


def kinds(report: Mapping[str, Any]) -> Markup:
    """Count errors by kind, and throttled answers by their reason."""
    tables = [
        _counts("Errors by kind", report["errors_by_kind"]),
        _counts("Throttled, by reason", report["throttling_reasons"]),
    ]
    shown = [one for one in tables if one]
    return tag("div", *shown, class_="pair") if shown else _NOTHING


def _counts(title: str, counts: Mapping[str, int]) -> Markup:
    if not counts:
        return _NOTHING
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    rows = [
        tag("tr", tag("th", str(name), scope="row"), tag("td", f"{number:,}", class_="number"))
        for name, number in ordered
    ]
    return _section(title, tag("table", tag("tbody", *rows), class_="counts"))


def errors(report: Mapping[str, Any]) -> Markup:
    """Show the first errors, each with its place in the source; no values of items."""
    samples: Sequence[Mapping[str, Any]] = report["errors"]
    if not samples:
        return _NOTHING
    refused = report["rejected"] + report["failed"]
    more = _NOTHING
    if refused > len(samples):
        more = tag(
            "p", f"The first {len(samples):,} of {refused:,}; the dead letters have all of them."
        )
    rest = samples[_SHOWN:]
    hidden = _NOTHING
    if rest:
        hidden = tag("details", tag("summary", f"{len(rest):,} more"), _error_table(rest))
    return _section("First errors", more, _error_table(samples[:_SHOWN]), hidden)


def _error_table(samples: Sequence[Mapping[str, Any]]) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in _HEADS))
    rows = [tag("tr", *_error(sample)) for sample in samples]
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="errors")


def _error(sample: Mapping[str, Any]) -> Iterator[Markup]:
    line = "" if sample.get("line") is None else f":{sample['line']}"
    item = "" if sample.get("item") is None else f", item {sample['item']}"
    field = f" {sample['field']}" if sample.get("field") else ""
    key = sample.get("key") or {}
    cells = (
        f"{sample['source']}{line}{item}",
        f"{sample['kind']}/{sample['rule']}{field}",
        str(sample["message"]),
        ", ".join(f"{name}={value}" for name, value in key.items()) or "none",
    )
    for name, cell in zip(_HEADS, cells, strict=True):
        yield tag("td", cell, data_label=name)


def facts(report: Mapping[str, Any], began: float | None, ended: float | None) -> Markup:
    """Show what there is to know of the run; *began* and *ended* in seconds since 1970."""
    known = [*_what(report, began, ended), *_how(report)]
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in known]
    return _section("The run", tag("dl", *pairs, class_="facts"))


def _what(
    report: Mapping[str, Any], began: float | None, ended: float | None
) -> Iterator[tuple[str, str]]:
    yield "run", report["run"]
    yield "table", report["table"]
    yield "endpoint", report["endpoint"] or "AWS"
    if began is not None and ended is not None:
        yield "began", _moment(began)
        yield "ended", _moment(ended)
    yield "duration", f"{report['duration_s']:,.2f} s"
    yield "speed", f"{report['items_per_s']:,.0f} items/s"
    if report["attempts"] > 1 or report["resumed_from"]:
        yield "attempts", f"{report['attempts']:,}"
    if report["resumed_from"]:
        start = report["resumed_from"]
        yield "last attempt", f"went on after record {start['record']:,} of {start['part']}"
    if report["dead_letter"]:
        yield "dead letters", report["dead_letter"]


def _how(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "records read", f"{report['records']:,}"
    yield "batches", f"{report['batches']:,}"
    yield "requests", f"{report['requests']:,}"
    yield "retries", f"{report['retries']:,}"
    yield "throttled", f"{report['throttled']:,} requests"
    yield "write units", f"{report['consumed_wcu']:,.1f}"
    latency = report["latency_ms"]
    if latency["p50"] is not None:
        yield "latency", f"p50 {latency['p50']:,.1f} ms, p99 {latency['p99']:,.1f} ms"
    yield "processor time", f"{report['cpu_s']:,.2f} s"
    if report["rate"] is not None:
        yield "allowed rate", f"{report['rate']:,.0f} write units/s"
    if report["pace"] is not None:
        yield "pace at the end", f"{report['pace']:,.0f} write units/s"
    if report["in_flight"] is not None:
        yield "requests at once", f"{report['in_flight']:,}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _section(title: str, *children: str) -> Markup:
    return tag("section", tag("h2", title), *children)
