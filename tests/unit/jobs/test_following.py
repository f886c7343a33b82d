"""What a run's folder tells: in pages, without records and paths, whatever state it is in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.text import escape_json
from pipeline.jobs.errors import BadCursorError
from pipeline.jobs.following import pages
from pipeline.jobs.following.cloak import Cloak
from pipeline.jobs.following.letters import shown_letter
from pipeline.jobs.following.runs import (
    newest_sample,
    page_of_errors,
    page_of_log,
    read_report,
    samples_of,
)
from pipeline.jobs.model import Job, Settings, Upload
from pipeline.model import Record, Rejection, Violation
from pipeline.state.deadletter import dead_letter
from tests.unit.jobs.stage import over, staged, submitted

SECRET = "s3cr3t-value"


def letter(
    number: int, raw: bytes = SECRET.encode(), key: dict[str, str] | None = None
) -> dict[str, Any]:
    """Give a dead letter as a run writes it."""
    record = Record(number, number + 1, 0, len(raw), raw)
    violation = Violation("schema", "required", "is required", "name")
    return dead_letter(Rejection(record, "u.jsonl", 0, [violation], key=key), ("a", "raw"))


def encoded(one: dict[str, Any]) -> bytes:
    """Give a dead letter's line."""
    return escape_json(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode())


def all_pages(folder: Path, limit: int) -> list[dict[str, Any]]:
    """Page through every dead letter."""
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page, after = page_of_errors(folder, after, limit)
        assert len(page) <= limit
        found += page
    return found


SHOWN = ["part", "line", "record", "item", "kind", "rule", "field", "message", "key"]


@settings(deadline=None)
@given(
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(["PK", "raw", "raw_b64", ',"raw":', '"', "\\"]), st.text(max_size=12)
    ),
    st.integers(0, 400),
)
def test_a_letter_is_shown_without_its_record(raw: bytes, key: dict[str, str], cut: int) -> None:
    """Whatever its key is called, and wherever its end was cut off behind the key."""
    one = letter(7, raw, key)
    line = encoded(one)
    body = len(encoded({name: one[name] for name in list(one)[:12]})) - 1
    shown = shown_letter(line[: max(body + len(',"raw_b64":'), len(line) - cut)])
    assert shown == {name: one[name] for name in SHOWN}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 90), max_size=12), st.integers(1, 5))
def test_pages_hold_every_letter_once(sizes: list[int], limit: int) -> None:
    """In the order of the file, whatever the size of page and line."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [encoded(letter(number, b"x" * size)) for number, size in enumerate(sizes)]
        (folder / "dead-letter.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        found = all_pages(folder, limit)
    assert [one["record"] for one in found] == list(range(len(sizes)))
    assert all(list(one) == SHOWN for one in found)


def test_a_record_is_never_shown(tmp_path: Path) -> None:
    """Neither as text, nor in base64, nor its columns."""
    bodies = [SECRET.encode(), b"\xff" + SECRET.encode()]
    lines = [encoded(letter(number, body, {"PK": "1"})) for number, body in enumerate(bodies)]
    (tmp_path / "dead-letter.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    page, cursor = page_of_errors(tmp_path, 0, 10)
    assert cursor is None
    text = json.dumps(page)
    assert [one["key"] for one in page] == [{"PK": "1"}] * 2
    for secret in (SECRET, "raw", "header", "czNjcjN0"):
        assert secret not in text


def test_a_long_record_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of many megabytes is passed over in pieces; the page that has one ends."""
    monkeypatch.setattr(pages, "_LONGEST", 1_000)
    monkeypatch.setattr(pages, "_PAGE", 5_000)
    lines = [encoded(letter(number, b"x" * 6_000 * (number % 2))) for number in range(6)]
    (tmp_path / "dead-letter.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    page, cursor = page_of_errors(tmp_path, 0, 100)
    assert [one["record"] for one in page] == [0, 1]
    assert cursor == len(lines[0]) + len(lines[1]) + 2
    assert [one["record"] for one in all_pages(tmp_path, 100)] == list(range(6))


@pytest.mark.parametrize("after", [1, -1, 10**18, 2**70])
def test_a_cursor_that_no_page_gave_is_refused(tmp_path: Path, after: int) -> None:
    """A page begins where a line does: inside one, a record's text could look like a letter."""
    with pytest.raises(BadCursorError):
        page_of_errors(tmp_path, after, 1)
    (tmp_path / "dead-letter.jsonl").write_bytes(encoded(letter(0)) + b"\n")
    with pytest.raises(BadCursorError):
        page_of_errors(tmp_path, after, 1)
    with pytest.raises(BadCursorError):
        page_of_errors(None, after, 1)


def test_a_line_that_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    """It is on the next page, once it is whole; the cursor of a page holds while the file grows."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"event":"a"}\n{"event":"b"}\n{"eve')
    first, cursor = page_of_log(tmp_path, 0, 1)
    assert (first, cursor) == ([{"event": "a"}], 14)
    second, end = page_of_log(tmp_path, 14, 5)
    assert second == [{"event": "b"}]
    with path.open("ab") as file:
        file.write(b'nt":"c"}\n')
    assert page_of_log(tmp_path, end or 28, 5) == ([{"event": "c"}], None)
    assert page_of_log(tmp_path, path.stat().st_size, 5) == ([], None)


def test_nothing_there_is_nothing_to_tell(tmp_path: Path) -> None:
    """Before a run has begun, and of a folder that is gone."""
    for folder in (None, tmp_path, tmp_path / "gone"):
        assert page_of_errors(folder, 0, 10) == ([], None)
        assert page_of_log(folder, 0, 10) == ([], None)
        assert newest_sample(folder) == {}
        assert samples_of(folder, -1, 10) == []
        assert read_report(folder) is None


def test_garbage_is_passed_over(tmp_path: Path) -> None:
    """Lines that are no objects, a report that is none: what can be told is."""
    (tmp_path / "log.jsonl").write_bytes(b'\xff\xfe\n[1]\n{"event":"a"}\n\n')
    assert page_of_log(tmp_path, 0, 10) == ([{"event": "a"}], None)
    (tmp_path / "report.json").write_bytes(b'["no report"]')
    assert read_report(tmp_path) is None
    (tmp_path / "report.json").write_bytes(b'{"cut')
    assert read_report(tmp_path) is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A run's folder shows its own files."""
    target = tmp_path / "secret"
    target.write_bytes(b'{"event":"a","n":1,"status":"succeeded"}\n')
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("log.jsonl", "dead-letter.jsonl", "report.json", "timeline.jsonl"):
        (folder / name).symlink_to(target)
    assert page_of_log(folder, 0, 10) == ([], None)
    assert page_of_errors(folder, 0, 10) == ([], None)
    assert read_report(folder) is None
    assert newest_sample(folder) == {}
    assert samples_of(folder, -1, 10) == []


def test_the_newest_sample_is_the_last_whole_line(tmp_path: Path) -> None:
    """Of a timeline of any length, also while a line is being written."""
    lines = b"".join(b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * 300) for number in range(1_000))
    (tmp_path / "timeline.jsonl").write_bytes(lines + b'{"n":1000,"pa')
    assert newest_sample(tmp_path)["n"] == 999
    assert [one["n"] for one in samples_of(tmp_path, 500, 3)] == [501, 502, 503]


def test_paths_are_shortened_and_uploads_have_a_name(tmp_path: Path) -> None:
    """Reports and logs begin at the runs folder; the spool's names are nobody's concern."""
    runs, spool = tmp_path / "rüns", tmp_path / "rüns" / ".serve" / "spool"
    upload = Upload(spool / "Zm9v.jsonl.gz", "jsonl", "gzip", 1, "")
    job = Job("a", "users", "running", 0.0, upload=upload)
    cloak = Cloak(Settings(tmp_path / "configs", runs), job, tmp_path / "configs" / "data")
    for ascii_only in (True, False):
        text = json.dumps(
            {
                "part": "Zm9v.jsonl.gz",
                "path": str(upload.path),
                "dead_letter": f"{runs}/users/1/dead-letter.jsonl",
                "config": f"{tmp_path}/configs/users.yaml",
                "message": f"'{tmp_path}/configs/data/a.csv' is another; start over with --fresh",
            },
            ensure_ascii=ascii_only,
        )
        assert json.loads(cloak(text.encode())) == {
            "part": "upload.jsonl.gz",
            "path": "upload.jsonl.gz",
            "dead_letter": "users/1/dead-letter.jsonl",
            "config": "users.yaml",
            "message": "'a.csv' is another; start another job",
        }


async def test_a_job_shows_what_its_run_left(tmp_path: Path) -> None:
    """Live sample, samples, errors, log and report, each from the run's own folder."""
    async with staged(tmp_path) as stage, stage.open() as service:
        job = await submitted(service)
        assert await service.live(job.id) == {}
        puppet = await stage.puppet()
        folder, report = puppet.folder, {"status": "succeeded", "dead_letter": "x"}
        report["dead_letter"] = str(folder / "dead-letter.jsonl")
        files = {
            "timeline.jsonl": '{"n":0}\n{"n":1}\n',
            "dead-letter.jsonl": encoded(letter(0)).decode() + "\n",
            "log.jsonl": '{"event":"run.started"}\n',
        }
        order = {str(folder / name): text for name, text in files.items()}
        order[str(folder / "report.json")] = json.dumps(report)
        puppet.does(write=order, exit=0)
        await over(service, job.id)
        assert await service.live(job.id) == {"n": 1}
        assert await service.samples(job.id, 0, 10) == [{"n": 1}]
        errors, cursor = await service.errors(job.id, after=0, limit=10)
        assert [one["rule"] for one in errors] == ["required"]
        assert cursor is None
        assert await service.log(job.id, after=0, limit=1) == ([{"event": "run.started"}], None)
        shown = await service.report(job.id)
        assert shown is not None
        assert shown["dead_letter"] == f"users/{folder.name}/dead-letter.jsonl"
