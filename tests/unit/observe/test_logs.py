"""Logs: one JSON object a line whatever is in it; what cannot be written is known, not raised."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PreflightError
from pipeline.observe.logs import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = '\n{"event": "forged"}\r\x1b[31m\u2028\x00\x85\x9b\u202e\u2066'
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, each of which has to be JSON with nothing in it that acts."""
    text = path.read_bytes()
    assert text.endswith(b"\n")
    lines = text.decode().split("\n")[:-1]
    assert not any(map(ACTING.search, lines))
    return [json.loads(line) for line in lines]


def test_every_line_is_one_json_object_even_with_hostile_facts(tmp_path: Path) -> None:
    """Line ends, escape sequences and quotes in a key cannot forge a line."""
    folder = tmp_path / "r1"
    folder.mkdir()

    with open_log(folder, "info", stderr=False) as log:
        log.info("batch.split", key=HOSTILE, items=25)
        log.debug("batch.throttled")
        log.error("run.failed", reason="outage")

    path = folder / "log.jsonl"
    lines = lines_of(path)
    assert [line["event"] for line in lines] == ["batch.split", "run.failed"]
    assert lines[0]["key"] == HOSTILE
    assert list(lines[0])[:3] == ["timestamp", "level", "event"]
    assert lines[1] | {"timestamp": ""} == {
        "timestamp": "", "level": "error", "event": "run.failed", "reason": "outage", "run": "r1",
    }  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("least", ["debug", "info", "warning", "error"])
def test_less_than_the_level_is_not_made(tmp_path: Path, least: str) -> None:
    """A line below the level is none; the others tell their level, and the time in UTC."""
    levels = ["debug", "info", "warning", "error"]

    with open_log(tmp_path, least, stderr=False) as log:
        for level in levels:
            getattr(log, level)("any.event", number=1)

    lines = lines_of(tmp_path / "log.jsonl")
    assert [line["level"] for line in lines] == levels[levels.index(least) :]
    assert all(list(line) == ["timestamp", "level", "event", "run", "number"] for line in lines)
    times = [datetime.fromisoformat(line["timestamp"]) for line in lines]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert all(abs(datetime.now(UTC) - time) < timedelta(minutes=1) for time in times)


anything = st.text(st.characters(exclude_categories=[]))
facts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | anything,
    lambda inner: st.lists(inner) | st.dictionaries(anything, inner),
)


@settings(max_examples=20)  # each one opens a log, and closes it
@given(facts=st.lists(facts, min_size=5))
def test_whatever_a_fact_is(tmp_path_factory: pytest.TempPathFactory, facts: list[Any]) -> None:
    """Each call is one line, and means what was logged."""
    folder = tmp_path_factory.mktemp("log")

    with open_log(folder, "info", stderr=False) as log:
        for fact in facts:
            log.info("any.event", fact=fact)
        log.info("any.end")

    same = json.loads(json.dumps(facts))  # joins what JSON cannot tell apart: surrogates in pairs
    assert [line.get("fact") for line in lines_of(folder / "log.jsonl")] == [*same, None]


def test_strangers_are_named_not_shown(tmp_path: Path) -> None:
    """A fact of a type that is not ours is told by its type; a path is text."""
    with open_log(tmp_path, "info", stderr=False) as log:
        log.info("any.event", fact=KeyError("4111"), path=Path("a"))

    (line,) = lines_of(tmp_path / "log.jsonl")
    assert (line["fact"], line["path"]) == ("<KeyError>", "a")


def missing(key: str) -> KeyError:
    with pytest.raises(KeyError) as caught:
        raise KeyError(key)
    return caught.value


def test_no_text_of_a_foreign_error_is_logged(tmp_path: Path) -> None:
    """Neither what we log of an error, nor what asyncio or a client reports, shows a value."""
    with open_log(tmp_path, "info", stderr=False) as log:
        failure = missing("4111")
        log.error("run.failed", exc_info=failure)
        logging.getLogger("asyncio").error("Task failed: %r", failure, exc_info=failure)
        logging.getLogger("botocore").warning("request 4111")

    ours, theirs, warned = lines_of(tmp_path / "log.jsonl")
    assert "4111" not in (tmp_path / "log.jsonl").read_text()
    assert ours["exception"].startswith("KeyError\n  ")
    assert "test_logs.py" in ours["exception"]
    assert theirs["exception"] == ours["exception"]
    assert (theirs["event"], theirs["library"]) == ("library.reported", "asyncio")
    assert (warned["library"], warned["severity"]) == ("botocore", "warning")
    assert not [one for one in logging.getLogger().handlers if "pipeline" in type(one).__module__]


@contextmanager
def stderr_of(descriptor: int) -> Iterator[None]:
    """Let the stream sys.stderr write to *descriptor*; pytest has put its own there meanwhile."""
    with pytest.MonkeyPatch.context() as patch, os.fdopen(descriptor, "w", closefd=False) as stream:
        patch.setattr(sys, "stderr", stream)
        yield


def test_what_a_blocked_stderr_did_not_take_is_in_the_log(tmp_path: Path) -> None:
    """A stderr that nobody reads stops neither the load nor its end, and the file has it all."""
    reader, writer = os.pipe()
    with stderr_of(writer), open_log(tmp_path, "info", stderr=True) as log:
        for number in range(3_000):
            log.info("any.event", number=number)

    lines = lines_of(tmp_path / "log.jsonl")
    os.set_blocking(reader, False)
    shown = os.read(reader, 60_000).count(b"\n")
    os.close(reader)
    os.close(writer)
    last = lines.pop()
    assert [line["number"] for line in lines] == list(range(3_000))
    assert (last["event"], last["stream"]) == ("log.dropped", "stderr")
    assert last["lines"] + shown == 3_000


def test_a_stderr_that_was_closed_is_no_failure(tmp_path: Path) -> None:
    """Whoever looked went away: the file goes on, and nothing is dropped that somebody misses."""
    reader, writer = os.pipe()
    os.close(reader)
    with stderr_of(writer), open_log(tmp_path, "info", stderr=True) as log:
        for number in range(100):
            log.info("any.event", number=number)
        assert log.failure() is None
    os.close(writer)

    assert len(lines_of(tmp_path / "log.jsonl")) == 100
    assert log.failure() is None


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """Before the first write it is told what is wrong; a link is not followed."""
    (tmp_path / "log.jsonl").symlink_to(tmp_path / "other")

    with (
        pytest.raises(PreflightError, match=r"cannot be written: .*choose another"),
        open_log(tmp_path, "info", stderr=False),
    ):
        raise AssertionError("it was opened")
    assert not (tmp_path / "other").exists()
