"""The report: quantiles within their promise, and text from strangers that cannot paint."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pipeline.observe.metrics import Histogram, Metrics, Tally
from pipeline.observe.report import Ending, make_report
from pipeline.observe.screen import plain, render_report

IDENTITY = {
    "name": "n",
    "run": "r",
    "table": "T",
    "endpoint": None,
    "dead_letter": None,
    "dry_run": False,
}


@pytest.mark.parametrize("scale", [0.0005, 0.02, 3.0])
def test_quantiles_are_within_seven_percent(scale: float) -> None:
    """The histogram's p50 and p99 are near the exact ones, in constant memory."""
    dice = random.Random(2)
    values = sorted(dice.expovariate(1 / scale) for _ in range(20_000))
    histogram = Histogram()
    for value in values:
        histogram.observe(value)

    for share in (0.5, 0.99):
        exact = values[int(share * (len(values) - 1))]
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.07)


def test_an_empty_histogram_has_no_quantile() -> None:
    """Without a request there is no latency, and the report says null."""
    report = make_report(IDENTITY, Ending("succeeded"), Tally(), Metrics(), cpu_s=0.1, samples=[])

    assert report.as_json()["latency_ms"] == {"p50": None, "p99": None}


def test_only_an_early_end_has_a_reason_and_unsettled_items() -> None:
    """A finished run leaves those fields out; a failed one has them all."""
    fine = make_report(IDENTITY, Ending("succeeded"), Tally(), Metrics(), cpu_s=0.1, samples=[])
    ending = Ending("failed", "outage", "why", "writer-2", 7)
    failed = make_report(IDENTITY, ending, Tally(), Metrics(), cpu_s=0.1, samples=[])

    assert not {"reason", "message", "stage", "unsettled"} & fine.as_json().keys()
    document = failed.as_json()
    assert [document[name] for name in ("reason", "stage", "unsettled")] == [
        "outage",
        "writer-2",
        7,
    ]


def test_text_from_data_cannot_style_or_paint_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Escape sequences are shown as text, markup as it stands."""
    ending = Ending("failed", "outage", "\x1b[2J[red]gone[/]\r")
    report = make_report(IDENTITY, ending, Tally(), Metrics(), cpu_s=0.1, samples=[])

    render_report(report)

    out = capsys.readouterr().out
    assert "\\x1b[2J[red]gone[/]\\r" in out
    assert plain("a\nb\u202e") == "a\\nb\\u202e"


def test_a_resumed_run_says_on_the_terminal_where_it_went_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The person sees that the counts are those of all attempts, and where this one began."""
    start = {"part": "a.csv", "record": 1_200, "line": 1_201, "offset": 9}
    identity = {**IDENTITY, "resumed_from": start, "attempts": 3}
    ending = Ending("succeeded")
    render_report(make_report(identity, ending, Tally(), Metrics(), cpu_s=0.1, samples=[]))

    shown = capsys.readouterr().out
    assert "3" in shown
    assert "this one began after record 1,200 of a.csv" in shown


@pytest.mark.parametrize(
    ("rate", "pace", "why"),
    [(800.0, 800.0, "as write.rate says"), (800.0, 310.4, "turned out"), (None, 310.4, "turned")],
)
def test_what_limited_the_sending_is_told_on_the_terminal(
    capsys: pytest.CaptureFixture[str], rate: float | None, pace: float, why: str
) -> None:
    """A person sees the pace, whose it is, and the number of requests that `auto` came to."""
    report = make_report(IDENTITY, Ending("succeeded"), Tally(), Metrics(), cpu_s=0.1, samples=[])

    render_report(replace(report, rate=rate, pace=pace, in_flight=12))

    out = capsys.readouterr().out
    assert f"{pace:,.0f}  write units a second" in out
    assert why in out
    assert "in flight" in out
    assert "12" in out


def test_where_nothing_limited_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither pace nor requests in flight stand in the report then."""
    render_report(
        make_report(IDENTITY, Ending("succeeded"), Tally(), Metrics(), cpu_s=0.1, samples=[])
    )

    out = capsys.readouterr().out
    assert "pace" not in out
    assert "in flight" not in out
