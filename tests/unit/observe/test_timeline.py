"""The timeline: every run can be drawn, while it runs and after it was killed."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, Start, recorded
from pipeline.observe.timeline import Meter, read_samples
from pipeline.observe.timeline.recording import spacing
from pipeline.sources.base import Part
from tests.clock import run
from tests.fakes import ListLog
from tests.unit.observe.test_lines import room_for

if TYPE_CHECKING:
    from pathlib import Path

GOAL = Goal([Part("users.jsonl", size=1_000)])


def record(folder: Path, metrics: Metrics, seconds: float, attempt: int = 1) -> ListLog:
    """Record a run of so many virtual seconds that settles ten items a second."""
    log = ListLog()

    async def running() -> None:
        with recorded(folder, attempt, GOAL, metrics, log):
            metrics.first_read_at = asyncio.get_running_loop().time()
            for _ in range(round(seconds * 10)):
                await asyncio.sleep(0.1)
                metrics.settled.succeeded += 1
                metrics.consumed += 1

    run(running())
    return log


def lines(folder: Path) -> list[dict[str, Any]]:
    """Read the timeline as anybody would."""
    text = (folder / "timeline.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_leaves_a_line_a_second_one_at_its_start_and_one_at_its_end(tmp_path: Path) -> None:
    """The lines are numbered, and say what was settled by then; nobody else may read them."""
    record(tmp_path, Metrics(), 3.55)

    found = lines(tmp_path)
    assert [line["n"] for line in found] == [0, 1, 2, 3, 4]
    assert [line["elapsed_s"] for line in found] == pytest.approx([0, 1, 2, 3, 3.6], abs=0.11)
    assert found[0]["settled"] == 0
    assert found[-1]["settled"] == 36
    assert found[2]["items_per_s"] == pytest.approx(10, abs=1)
    assert found[-1]["source_bytes"] == 36
    assert found[-1]["source_bytes_total"] == 1_000
    assert (tmp_path / "timeline.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_timeline_of_days_stays_small(tmp_path: Path) -> None:
    """The lines move apart: 600 a second apart, 600 two seconds apart, up to a minute."""
    record(tmp_path, Metrics(), 600 + 1200 + 40)

    gaps = [b["elapsed_s"] - a["elapsed_s"] for a, b in pairwise(lines(tmp_path))][:-1]
    assert gaps[:599] == pytest.approx([1] * 599, abs=0.11)
    assert gaps[599:1199] == pytest.approx([2] * 600, abs=0.11)
    assert gaps[1199:] == pytest.approx([4] * len(gaps[1199:]), abs=0.11)
    assert spacing(10**6) == 60
    assert sum(spacing(line) for line in range(4_500)) > 86_400


def test_a_resumed_run_goes_on_after_what_a_crash_left(tmp_path: Path) -> None:
    """The numbers go on, a torn line is cut off, and the seconds of earlier attempts count."""
    record(tmp_path, Metrics(), 1.9)
    file = tmp_path / "timeline.jsonl"
    file.write_bytes(file.read_bytes() + b'{"n":3,"at":1')

    metrics = Metrics(carried_s=100.0)
    metrics.settled.succeeded = 15
    record(tmp_path, metrics, 0.9, attempt=2)

    found = lines(tmp_path)
    assert [line["n"] for line in found] == [0, 1, 2, 3, 4]
    assert [line["attempt"] for line in found] == [1, 1, 1, 2, 2]
    assert [line["elapsed_s"] for line in found[3:]] == pytest.approx([100, 101], abs=0.1)
    assert found[3]["items_per_s"] == 0, "what the attempt before did is none of this one's pace"


def test_what_a_line_says_is_since_the_line_before() -> None:
    """Rates and quantiles are of the time between two lines; a look between them changes none."""
    metrics = Metrics()
    meter = Meter(Start(1, 0, 10.0, metrics), GOAL, first=0)
    assert meter.take(0, 10.0).p50_ms is None

    for _ in range(100):
        metrics.latency.observe(0.010)
    metrics.settled.rejected, metrics.throttled = 40, 6
    assert meter.look(0, 11.0).items_per_s == 40
    early = meter.take(0, 12.0)
    assert (early.items_per_s, early.throttled_per_s) == (20, 3)
    assert early.p50_ms == pytest.approx(10, rel=0.07)

    metrics.latency.observe(0.5)
    late = meter.take(0, 13.0)
    assert (late.items_per_s, late.throttled_per_s, late.n) == (0, 0, 2)
    assert late.p99_ms == pytest.approx(500, rel=0.07)

    metrics.settled.succeeded += 10
    last = meter.take(0, 13.001)
    assert last.items_per_s == pytest.approx(10, abs=0.1), "a millisecond has no pace of its own"


def test_the_time_that_is_left_follows_the_pace() -> None:
    """It is told once there is a pace, by bytes or by records, and never while verifying."""
    metrics = Metrics()
    meter = Meter(Start(1, 0, 0.0, metrics), GOAL, first=0)
    for second in range(60):
        assert meter.take(0, second).eta_s is None, "nothing is read yet"
    metrics.first_read_at = 60.0
    left = []
    for second in range(60, 90):
        left.append(meter.take(0, second).eta_s)
        metrics.consumed += 10
    assert left[0] is None
    assert left[-1] == pytest.approx((1_000 - 290) / 10, rel=0.1)

    records = Goal([Part("lines", size=1_000)], limit=50)
    metrics = Metrics(read=50, passed=50, first_read_at=0.0)
    done = Meter(Start(1, 0, 0.0, metrics), records, first=0).take(0, 5)
    assert (done.eta_s, done.records_total, done.source_bytes_total) == (0, 50, None)
    endless = Goal([Part("-")])
    assert Meter(Start(1, 0, 0.0, metrics), endless, first=0).take(0, 5).eta_s is None


def test_a_timeline_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    """The run goes on where the file is not ours, and never through somebody's link."""
    metrics, target = Metrics(), tmp_path / "target"
    (tmp_path / "timeline.jsonl").symlink_to(target)

    log = record(tmp_path, metrics, 2)

    assert metrics.settled.succeeded == 20
    assert not target.exists()
    assert [event for event, _ in log.events] == ["timeline.unwritable"]
    assert "the timeline cannot be written" in metrics.warnings[0]


def test_a_full_disk_costs_lines_and_tears_none(tmp_path: Path) -> None:
    """What fits is whole, the run ends as it would, and a person is told."""
    metrics = Metrics()
    with room_for(600):
        log = record(tmp_path, metrics, 9)

    assert metrics.settled.succeeded == 90
    assert 0 < len(lines(tmp_path)) < 10
    assert [event for event, _ in log.events] == ["timeline.unwritable"]
    assert len(metrics.warnings) == 1


def test_no_timeline_has_no_lines(tmp_path: Path) -> None:
    """A run from before there were timelines can be looked at too."""
    assert read_samples(tmp_path) == []


def test_a_page_of_lines_is_what_comes_after_a_number(tmp_path: Path) -> None:
    """Whoever reads from any number in pages sees every whole line once, whatever lies between."""
    dice = random.Random(5)
    for _ in range(60):
        count = dice.choice((0, 1, 2, 50, 700, 3_000))
        numbers = sorted(dice.sample(range(count * 2), count))
        text = b""
        for number in numbers:
            padding = "x" * dice.choice((1, 200, 400))
            text += json.dumps({"n": number, "activity": padding}).encode() + b"\n"
            if dice.random() < 0.01:
                text += dice.choice((b"\n", b"[]\n", b'{"n":"1"}\n', b"\xff" * 100 + b"\n"))
        text += dice.choice((b"", b'{"n": 999999', b"\0" * 200))
        (tmp_path / "timeline.jsonl").write_bytes(text)

        after, most = dice.randrange(-1, count * 2 + 1), dice.choice((1, 7, 1_000))
        found = [sample["n"] for sample in read_samples(tmp_path, after, most)]
        assert found == [number for number in numbers if number > after][:most]
        assert read_samples(tmp_path, after, 0) == []


def test_no_line_is_missed_wherever_a_page_begins(tmp_path: Path) -> None:
    """In a file of many blocks each number leads to the next one."""
    text = "".join(json.dumps({"n": n, "activity": "x" * (n % 700)}) + "\n" for n in range(600))
    (tmp_path / "timeline.jsonl").write_text(text)

    for after in range(-1, 600):
        found = [sample["n"] for sample in read_samples(tmp_path, after, 2)]
        assert found == [n for n in (after + 1, after + 2) if n < 600]
