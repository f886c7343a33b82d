"""Logs: one JSON object a line whatever is in it, and a reader that hangs stops nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from pipeline.observe.lines import LineWriter
from pipeline.observe.logs import open_log

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '\n{"event": "forged"}\r\x1b[31m\u2028\x00'


def test_every_line_is_one_json_object_even_with_hostile_facts(tmp_path: Path) -> None:
    """Line ends, escape sequences and quotes in a key cannot forge a line."""
    path = tmp_path / "r1" / "log.jsonl"
    path.parent.mkdir()

    with open_log(path.parent, "info", stderr=False) as log:
        log.info("batch.split", key=HOSTILE, items=25)
        log.debug("batch.throttled")
        log.error("run.failed", reason="outage")

    lines = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert [line["event"] for line in lines] == ["batch.split", "run.failed"]
    assert lines[0]["key"] == HOSTILE
    assert list(lines[0])[:3] == ["timestamp", "level", "event"]
    assert lines[1] | {"timestamp": ""} == {
        "timestamp": "", "level": "error", "event": "run.failed", "reason": "outage", "run": "r1",
    }  # fmt: skip
    assert b"\x1b" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_hangs_costs_lines_not_time() -> None:
    """Writing never waits: lines beyond the buffer are dropped and counted."""
    reader, writer = os.pipe()
    lines = LineWriter(writer)
    lines.start()
    try:
        for _ in range(40_000):
            lines.write(b"x" * 200)
        lines.close(patience=0.05)
    finally:
        os.close(reader)
        os.close(writer)

    assert lines.dropped > 0


def test_a_reader_that_is_gone_is_noted() -> None:
    """A closed pipe ends the writing and is kept as an error, not raised into the load."""
    reader, writer = os.pipe()
    os.close(reader)
    lines = LineWriter(writer)
    lines.start()

    lines.write(b"x")
    lines.close()
    os.close(writer)

    assert isinstance(lines.error, BrokenPipeError)
