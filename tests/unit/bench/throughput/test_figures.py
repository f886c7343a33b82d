"""What is made of the measurements: slopes, ratios, verdicts, tables, the picture."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.throughput import sizing
from bench.throughput.document import TABLES, fill
from bench.throughput.modes import comparison, formats, paced, sizes, stages, startup, workers
from bench.throughput.modes.bench import Cost
from bench.throughput.picture import draw
from bench.throughput.running import Measured, median
from bench.throughput.verdicts import verdicts


def measured(records: int, wall_s: float, cpu_s: float, peak_mb: float = 50.0) -> Measured:
    """Make a measurement."""
    return Measured(records, wall_s, cpu_s, peak_mb, 0.3, records // 25, 0.01)


def row(us: float, rate: float, **more: Any) -> dict[str, Any]:
    """Make the figures of a program that takes *us* and writes *rate*, start-up or not."""
    same = {"cpu_us": us, "slope_cpu_us": us, "items_per_s": rate, "slope_items_per_s": rate}
    about = {"title": "t", "version": "", "records": 1000, "start_s": 0.5, "peak_mb": 60.0}
    return {**same, **about, "requests": 40, **more}


TAKEN = {"date": "d", "machine": "m", "python": "p", "commit": "c", "command": "python -m x"}
COMPARED = {
    "rows": {
        "us": row(10.0, 50_000.0, title="ours"),
        "boto3": row(200.0, 5_000.0),
        "aiodynamo": row(30.0, 20_000.0),
        "node": {"title": "node", "version": "", "reason": "no | Node\nhere"},
    }
}


def paced_row(case: str, share: float, throttled: float = 0.0) -> dict[str, Any]:
    """Make a row of ``bench.simulated``."""
    return {
        "case": case,
        "units": 1000.0,
        "share": share,
        "throttled": throttled,
        "refused": 0.0,
        "back_s": 2.5,
    }


def test_the_slope_is_what_one_more_record_costs() -> None:
    """Start-up counts for the whole and not for the slope, in wall and in processor time."""
    cost = Cost(measured(1_001, 3.0, 2.0), measured(1, 1.0, 1.0))
    assert cost.slope_cpu_us == pytest.approx(1_000.0)
    assert cost.slope_items_per_s == pytest.approx(500.0)
    assert cost.cpu_us == pytest.approx(2.0 / 1_001 * 1e6)
    assert cost.items_per_s == pytest.approx(1_001 / 3.0)


def test_a_median_is_taken_of_each_figure_by_itself() -> None:
    """One slow run moves nothing."""
    runs = [measured(10, 1.0, 9.0, 70.0), measured(10, 8.0, 2.0, 50.0), measured(10, 2.0, 3.0)]
    found = median(runs)
    assert (found.wall_s, found.cpu_s, found.peak_mb) == (2.0, 3.0, 50.0)


def test_a_ratio_says_how_many_times_better_we_are() -> None:
    """More items a second are better, less processor time is; nothing is made of no figure."""
    rows = COMPARED["rows"]
    assert comparison.ratio(rows, "boto3", "items_per_s") == 10.0
    assert comparison.ratio(rows, "boto3", "slope_cpu_us") == 20.0
    assert comparison.ratio(rows, "node", "cpu_us") is None


def test_a_peer_without_figures_stands_in_the_table_with_its_reason() -> None:
    """It is never left out, and its reason breaks no table."""
    table = comparison.lines(COMPARED)
    assert len(table) == 2 + len(COMPARED["rows"])
    assert "not measured: no \\| Node here" in table[-1]
    assert {line.replace("\\|", "").count("|") for line in table} == {11}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_tells_what_could_not_be_measured(name: str) -> None:
    """Each mode's table shows a figure and a reason, and is as wide in each line."""
    good, bad = (
        row(10.0, 50_000.0, bytes=1_000_000, repeat=5),
        {"reason": "a | b\n" * 99, "bytes": 1},
    )
    documents: dict[str, dict[str, Any]] = {
        "comparison": COMPARED,
        "formats": {"rows": {"jsonl": good, "csv": bad}},
        "sizes": {"rows": {"10000": good, "100000": bad}},
        "item-bytes": {"rows": {"100": good, "250": bad}},
        "workers": {"rows": {"0": {"1": good, "5": bad}, "5": {"1": good, "5": bad}}},
        "startup": {"rows": {name: {"seconds": 0.5} for name in startup.YARDSTICKS} | {"x": bad}},
        "stages": {"whole_us": 10.0, "apart_us": 14.0, "us": dict.fromkeys(stages.STAGES, 1.0)},
        "paced": {"rows": [paced_row("bucket, cold", 0.98), paced_row("rate 10", 1.01)]},
    }
    table = TABLES[name](documents[name])
    assert "\n" not in "".join(table)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    if name not in {"stages", "paced"}:
        assert any("not measured" in line for line in table)


def test_the_targets_are_judged_by_the_slope_and_told_with_start_up() -> None:
    """A target that only start-up misses is reached, and the miss is shown beside it."""
    rows = {**COMPARED["rows"], "us": row(10.0, 50_000.0, cpu_us=25.0)}
    found = {one.target: one for one in verdicts({"comparison": {"rows": rows}})}
    assert found["boto3, items per processor-second"].reached
    assert not found["aiodynamo, items per processor-second"].reached
    assert found["node, items per processor-second"].reached is None
    cost = found["processor time an item"]
    assert (cost.reached, cost.whole_reached) == (True, False)


def test_formats_sizes_and_start_up_are_judged() -> None:
    """Each by its own line: a share of JSONL's rate, a spread, a multiple of an import."""
    (sdk, _), *_ = startup.YARDSTICKS.values()
    modes = {
        "formats": {"rows": {"jsonl": row(10, 100), "csv": row(15, 99), "jsonl.gz": row(11, 50)}},
        "sizes": {"rows": {"10000": row(10, 1), "100000": row(11.6, 1, peak_mb=121.0)}},
        "startup": {"rows": {name: {"seconds": 1.0} for name in (*startup.YARDSTICKS, sdk)}},
    }
    reached = {one.target: one.reached for one in verdicts(modes)}
    assert reached == {
        "csv, rate of JSONL's": False,
        "jsonl.gz, rate of JSONL's": True,
        "processor time an item, 10,000 to 100,000 records": False,
        "peak memory": False,
        "start-up: first write, our own transport": False,
        "start-up: first write, transport: sdk": True,
        "start-up: --help": None,
    }


def test_the_pace_is_judged_by_its_worst_case() -> None:
    """Of the capacities; a hot key or a share of a table is told, and not taken for one."""
    rows = [
        paced_row("bucket, cold", 0.99, 0.01),
        paced_row("window, halved", 0.96, 0.04),
        paced_row("hot", 0.5, 0.9),
        paced_row("rate 100", 0.97),
        paced_row("rate 1000, an index", 1.01),
    ]
    found = {one.target: (one.found, one.reached) for one in verdicts({"paced": {"rows": rows}})}
    assert found == {
        "share of a table's capacity": ("96.0% at least", False),
        "requests throttled": ("4.00% at most", False),
        "steady after a start or a change": ("2.5 s at most", True),
        "a given rate, worst five seconds": ("3.0% off at most", False),
    }
    assert paced.least_share({}) is None


def test_the_parts_of_a_record_add_up_to_what_it_costs() -> None:
    """Steps that by themselves take more than the stage are scaled; the rest lies between."""
    taken = {"producer": 1.0, "validator": 6.0, "batcher": 1.0, "writer": 5.0, "sink": 1.0}
    steps = {"decode": 2.0, "schema and mapping": 2.0, "encode": 4.0}
    found = stages.parts(taken | steps, 15.0)
    assert list(found) == list(stages.STAGES)
    assert sum(found.values()) == pytest.approx(15.0)
    assert (found["encode"], found["items"], found["between"]) == (3.0, 0.0, 1.0)
    assert stages.parts(taken | dict.fromkeys(steps, 1.0), 15.0)["items"] == 3.0
    less = stages.parts(taken | steps, 7.0)  # than they take by themselves
    assert sum(less.values()) == pytest.approx(7.0)
    assert (less["writer"], less["between"]) == (2.5, 0.0)


def test_what_concurrency_allows() -> None:
    """Five writers at 5 ms write 25,000 items a second at most; without latency no bound is."""
    assert workers.bound("5", 5) == 25_000
    assert math.isinf(workers.bound("5", 0))
    assert math.isinf(workers.bound("auto", 5))


def test_rates_and_spreads() -> None:
    """A share of a rate, and how far figures lie apart."""
    rows = {"jsonl": row(10, 100), "csv": row(20, 80)}
    assert formats.relative(rows, "csv", "slope_items_per_s") == 0.8
    assert formats.relative(rows, "csv", "slope_cpu_us") == 0.5
    assert sizes.spread(rows, "slope_cpu_us") == 1.0
    assert sizes.spread({"jsonl": rows["jsonl"]}, "slope_cpu_us") is None


def test_a_load_is_sized() -> None:
    """100 million items of 1.5 KB into 4,000 units a second: two units each, so 2,000 a second."""
    found = sizing.plan(100_000_000, 1.5, 4_000, cpu_us=20.0)
    assert found.hours == pytest.approx(100e6 / 2_000 / 3600)
    assert found.dollars == pytest.approx(200 * sizing.PRICE)
    assert (found.processes, found.partitions) == (1, 4)
    assert sizing.plan(10, 1, 40_000, cpu_us=50.0).processes == 3


def test_the_document_is_filled_between_its_markers() -> None:
    """Prose stays, a section without results stays, and filling twice changes nothing more."""
    text = (
        "# Top\n<!-- stages: begin -->\nold\n<!-- stages: end -->\nprose\n"
        "<!-- workers: begin -->\nkept\n<!-- workers: end -->\n"
        "<!-- sizing: begin -->\n<!-- sizing: end -->\n"
        "<!-- targets: begin -->\n<!-- targets: end -->"
    )
    modes = {
        "stages": {
            "whole_us": 9.0,
            "apart_us": 14.0,
            "us": dict.fromkeys(stages.STAGES, 1.0),
            "taken": TAKEN,
        },
        "comparison": {**COMPARED, "taken": TAKEN},
    }
    once = fill(text, modes)
    assert "old" not in once
    assert "# Top" in once
    assert "\nprose\n" in once
    assert "\nkept\n" in once
    assert "`python -m x`" in once
    assert "1,000 million" in once
    assert "15 x" in once
    assert fill(once, modes) == once


def test_the_picture_names_every_part_and_follows_the_theme() -> None:
    """It is well-formed, tells each part in words, and stays inside its frame."""
    each = dict(zip(stages.STAGES, [1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 8.0, 1.0, -2.0], strict=True))
    svg = draw({"whole_us": 18.0, "apart_us": 14.0, "us": each})
    picture = ET.fromstring(svg)  # noqa: S314 - made a line above
    texts = [node.text or "" for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert set(stages.STAGES.values()) <= set(texts)
    assert "8.0 µs, 44%" in texts
    assert "prefers-color-scheme:dark" in svg
    for bar in picture.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(bar.attrib["x"]) >= 0
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= 700
