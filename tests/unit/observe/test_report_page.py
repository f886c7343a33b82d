"""The report as a page: it says what the report says, and nothing in it acts."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.observe.metrics import Metrics, Tally
from pipeline.observe.report import Ending, make_report
from pipeline.observe.report_page import report_page
from pipeline.observe.report_page.thinning import thinned

PAGE = Path(pipeline.__file__).parent / "observe" / "page"
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&\u202e"
IDENTITY = {
    "name": "users",
    "run": "20261122T130501Z-9f3a1c",
    "table": "Users",
    "endpoint": None,
    "dead_letter": None,
    "dry_run": False,
}
ERROR = {
    "source": "data/users.jsonl",
    "line": 17,
    "key": {"PK": "USER#1"},
    "item": 0,
    "kind": "schema",
    "rule": "pattern",
    "field": "/email",
    "message": "does not match",
}


class Read(HTMLParser):
    """What a browser finds: elements with their attributes, text, and what is in scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attributes)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        if self._open:
            self.inside.setdefault(self._open[-1], []).append(data)

    @property
    def text(self) -> str:
        """All that a person reads."""
        hidden = ("style", "script", "title")
        return " ".join(" ".join(text) for tag, text in self.inside.items() if tag not in hidden)


def report(tally: Tally | None = None, ending: Ending | None = None, **facts: Any) -> Any:
    """Return a report as JSON."""
    metrics = Metrics()
    made = make_report(
        {**IDENTITY, **facts.pop("identity", {})},
        ending or Ending("succeeded"),
        tally or Tally(),
        metrics,
        cpu_s=0.1,
        samples=facts.pop("errors", []),
    )
    return {**made.as_json(), **facts}


def line(number: int, attempt: int = 1, **facts: Any) -> dict[str, Any]:
    """Return a line of a timeline, of a run that settles ten items a second."""
    return {
        "n": number,
        "at": 1_795_000_000.0 + number,
        "attempt": attempt,
        "elapsed_s": float(number),
        "settled": number * 10,
        "requests": number * 2,
        "throttled": number,
        "items_per_s": 10.0,
        "throttled_per_s": 1.0,
        "p50_ms": 5.0,
        "p99_ms": 9.0,
        **facts,
    }


def keep(folder: Path, lines: list[dict[str, Any]]) -> None:
    """Write a timeline."""
    text = "".join(json.dumps(one) + "\n" for one in lines)
    (folder / "timeline.jsonl").write_text(text)


def test_the_page_shows_that_every_item_is_accounted_for(tmp_path: Path) -> None:
    """The law stands there with its terms, and what is still open beside it."""
    tally = Tally(records=30, succeeded=1_200, superseded=30, rejected=4, failed=1)
    ending = Ending("failed", "outage", "the table does not answer", "writer-2", 7, resumable=True)

    page = Read(report_page(tmp_path, report(tally, ending, warnings=["mind the gap"])))

    text = " ".join(page.text.split())
    for number in ("1,235", "1,200", "30", "4", "1"):
        assert number in page.inside["b"]
    assert page.inside["span"].count("+") == 3
    assert "the table does not answer (stage: writer-2)" in text
    assert "7 more items may or may not be in the table" in text
    assert "mind the gap" in text
    assert "failed" in page.inside["span"]
    assert "This run has no timeline." in text


def test_an_error_is_shown_with_its_place_and_its_rule(tmp_path: Path) -> None:
    """Source and line, rule, field, message and key; what is more than a few unfolds."""
    tally = Tally(records=500, rejected=400)
    tally.by_kind["schema"] = 400

    page = Read(report_page(tmp_path, report(tally, errors=[ERROR] * 100)))

    cells = page.inside["td"]
    assert cells.count("data/users.jsonl:17, item 0") == 100
    assert "schema/pattern /email" in cells
    assert "does not match" in cells
    assert "PK=USER#1" in cells
    assert "85 more" in page.inside["summary"]
    assert "The first 100 of 400; the dead letters have all of them." in page.text


def test_nothing_from_a_stranger_acts(tmp_path: Path) -> None:
    """A hostile name, key or message is text, wherever the page shows it."""
    keep(tmp_path, [line(0), line(1, activity=HOSTILE)])
    error = {**dict.fromkeys(ERROR, HOSTILE), "key": {HOSTILE: HOSTILE}}
    identity = {**dict.fromkeys(("name", "run", "table", "endpoint", "dead_letter"), HOSTILE)}
    hostile = report(
        ending=Ending("failed", HOSTILE, HOSTILE, HOSTILE, 1),
        identity=identity,
        errors=[error],
        warnings=[HOSTILE],
        errors_by_kind={HOSTILE: 1},
        throttling_reasons={HOSTILE: 1},
        resumed_from={"part": HOSTILE, "record": 1},
    )

    raw = report_page(tmp_path, hostile)

    page = Read(raw)
    assert "img" not in {tag for tag, _ in page.elements}
    assert [tag for tag, _ in page.elements].count("script") == 4
    handlers = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in handlers if name.startswith("on") or name in ("style", "src")}
    assert page.text.count("</script><img src=x onerror=alert(1)>'\"&\\u202e") >= 12
    assert "\u202e" not in raw.decode()


def test_the_page_runs_only_what_it_came_with(tmp_path: Path) -> None:
    """Its policy names each script and the style by its hash, and nothing comes from elsewhere."""
    keep(tmp_path, [line(0), line(1)])

    raw = report_page(tmp_path, report()).decode()

    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', raw)
    (policy,) = [one.replace("&#x27;", "'") for one in policy]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", raw, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", raw, re.DOTALL)
    for rule, texts in (("script-src", scripts), ("style-src", styles)):
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in texts]
        assert rules[rule].split() == [f"'sha256-{one.decode()}'" for one in hashes]
    assert len(scripts) == 3
    assert not re.search(r"\b(src|href)=|url\(|@import|\beval\(|new Function", raw)


def test_the_page_of_a_day_stays_small(tmp_path: Path) -> None:
    """A hundred thousand lines become a page of about a hundred kilobytes."""
    dice = random.Random(1)
    keep(tmp_path, [line(n, p99_ms=round(dice.expovariate(0.01), 2)) for n in range(100_000)])

    raw = report_page(tmp_path, report(errors=[ERROR] * 20))

    assert len(raw) < 110_000


def test_what_is_not_a_line_of_ours_is_not_drawn(tmp_path: Path) -> None:
    """A timeline that somebody spoiled costs what he spoiled."""
    spoiled = [{"n": 0}, line(1), line(2, at="now"), line(3, settled=None), line(4, p50_ms=None)]
    keep(tmp_path, spoiled)

    raw = report_page(tmp_path, report()).decode()

    found = re.findall(r'<script type="application/json" id="timeline">(.*?)</script>', raw)
    assert json.loads(found[0])["elapsed_s"] == [1.0, 4.0]


def test_a_timeline_that_cannot_be_read_is_not_drawn(tmp_path: Path) -> None:
    """The page is there all the same."""
    (tmp_path / "timeline.jsonl").symlink_to(tmp_path / "elsewhere")

    assert "This run has no timeline." in Read(report_page(tmp_path, report())).text


@pytest.mark.parametrize("count", [0, 1, 2, 39, 40, 41, 5_000])
def test_thinning_keeps_what_happened(count: int) -> None:
    """Where attempts begin stays, the areas under the curves are the counts, and peaks are seen."""
    dice = random.Random(count)
    lines: list[dict[str, Any]] = []
    elapsed = settled = attempt = 0
    for number in range(count):
        fresh = not number or dice.random() < 0.001
        attempt += fresh
        step = 0 if fresh else dice.choice((1, 1, 2, 60))
        rate = dice.randrange(1_000)
        elapsed, settled = elapsed + step, settled + step * rate
        lines.append(
            line(
                number,
                attempt,
                elapsed_s=elapsed,
                settled=settled,
                items_per_s=rate if step else 0,
                p99_ms=dice.expovariate(1),
            )
        )

    few = thinned(lines, 40)

    assert len(few) <= 40
    assert few == lines or len(few) >= 15
    assert [one["n"] for one in few] == sorted({one["n"] for one in few})
    assert few[-1:] == [] or few[-1]["settled"] == lines[-1]["settled"]
    begins = [
        one["n"] for before, one in pairwise([{"attempt": 0}, *lines]) if is_first(before, one)
    ]
    assert [
        one["n"] for before, one in pairwise([{"attempt": 0}, *few]) if is_first(before, one)
    ] == begins
    assert max((one["p99_ms"] for one in few), default=0) == max(
        (one["p99_ms"] for one in lines), default=0
    )
    for before, one in pairwise(few):
        if not is_first(before, one):
            seconds = one["elapsed_s"] - before["elapsed_s"]
            area = one["items_per_s"] * seconds
            assert area == pytest.approx(one["settled"] - before["settled"], abs=0.06 * seconds)


def is_first(before: dict[str, Any], one: dict[str, Any]) -> bool:
    """Tell whether a line begins an attempt."""
    return bool(one["attempt"] != before["attempt"])


def test_points_end_up_evenly_far_apart() -> None:
    """However the lines come in, no part of a run is drawn much coarser than another."""
    lines = [line(number) for number in range(10_000)]
    few: list[dict[str, Any]] = []
    for begin in range(0, 10_000, 1_000):
        few = thinned([*few, *lines[begin : begin + 1_000]], 100)

    gaps = [after["elapsed_s"] - before["elapsed_s"] for before, after in pairwise(few)][:-1]
    assert len(few) > 40
    assert max(gaps) <= 256
    assert max(gaps[1:]) <= 4 * min(gaps[1:])


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("uplot.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
        ("uplot.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ],
)
def test_the_charts_library_is_as_it_was_published(name: str, digest: str) -> None:
    """It is `dist/uPlot.iife.min.js` and `dist/uPlot.min.css` of uplot@1.6.32 on npm, unchanged."""
    assert hashlib.sha256((PAGE / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (PAGE / "uplot.LICENSE").read_text()
    assert "--" not in (PAGE / "uplot.LICENSE").read_text(), "it goes into a comment of the page"
