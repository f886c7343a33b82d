"""Uploads: on the disk before they are a job's, within limits, and gone when nobody needs them."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import os
import stat
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs import spool as spooling
from pipeline.jobs.errors import (
    BadUploadError,
    ClosingError,
    KeyReusedError,
    SpoolFullError,
    StoreError,
    TooLargeError,
)
from pipeline.jobs.looks import look_of
from pipeline.jobs.model import Overrides
from tests.unit.jobs.stage import over, staged, submitted

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.model import Compression, Format, Upload
    from pipeline.jobs.service import JobService
    from tests.unit.jobs.stage import Stage

LINES = b'{"user_id": "1"}\n' * 50_000


def files(stage: Stage) -> list[Path]:
    """Give what stands in the spool."""
    return sorted((stage.runs / ".serve" / "spool").iterdir())


async def emptied(service: JobService, stage: Stage) -> None:
    """Return once nothing stands in the spool any more, which is a moment after a job's end."""
    async with asyncio.timeout(10):
        while files(stage) or service._office.spool.total:
            await service.wait_change(0, 0.01)
            await asyncio.to_thread(files, stage)


async def uploaded(
    service: JobService, content: bytes, compression: Any = "none", **more: Any
) -> tuple[str, Upload]:
    """Submit a job with an upload, piece by piece."""
    async with service.spool("jsonl", compression) as spool:
        for start in range(0, len(content), 70_000):
            await spool.write(content[start : start + 70_000])
        upload = await spool.finish()
        job, _ = await service.submit("users", Overrides(), upload=upload, **more)
    return job.id, upload


async def test_uploads_have_threads_of_their_own(tmp_path: Path) -> None:
    """Whoever asks for something else waits for no upload, nor does an upload wait for him."""
    async with staged(tmp_path) as stage, stage.open() as service:
        occupied, others = threading.Event(), ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(others)
        others.submit(occupied.wait, 30)
        try:
            async with asyncio.timeout(10), service.spool("jsonl", "gzip") as spool:
                await spool.write(gzip.compress(LINES))
                await spool.finish()
        finally:
            occupied.set()


async def test_an_upload_is_loaded_from_its_file_and_then_gone(tmp_path: Path) -> None:
    """The job's process gets path and form; the file is its owner's alone, and not kept long."""
    async with staged(tmp_path) as stage, stage.open() as service:
        identity, upload = await uploaded(service, LINES)
        (path,) = files(stage)
        assert path.read_bytes() == LINES
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (upload.bytes, upload.sha256) == (len(LINES), hashlib.sha256(LINES).hexdigest())
        puppet = await stage.puppet()
        assert puppet.told["source"] == {
            "path": str(path),
            "format": "jsonl",
            "compression": "none",
        }
        puppet.ends(0)
        ended = await over(service, identity)
        assert ended.upload == upload
        await emptied(service, stage)


async def test_an_upload_waits_for_a_resume(tmp_path: Path) -> None:
    """As long as its job may go on; over a restart too, and where a table does not answer."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            identity, upload = await uploaded(service, LINES)
            puppet = await stage.puppet()
            await service.stop(identity)
            puppet.ends(143, {"status": "stopped", "resumable": True})
            await over(service, identity)
            assert files(stage) == [upload.path]
        (stage.runs / ".serve" / "spool" / "orphan.jsonl").write_text("left by a crash")
        async with stage.open() as service:
            assert files(stage) == [upload.path]
            assert service._office.spool.total == len(LINES)
            await service.resume(identity)
            puppet = await stage.puppet()
            assert puppet.told["source"]["path"] == str(upload.path)
            puppet.ends(2, say="the table does not answer")
            await over(service, identity)
            assert files(stage) == [upload.path]
            await service.resume(identity)
            (await stage.puppet()).ends(0, {"status": "succeeded"})
            await over(service, identity)
            await emptied(service, stage)


async def test_an_upload_that_nobody_came_back_for_is_removed_in_the_end(tmp_path: Path) -> None:
    """Its job says so, and cannot be resumed any more."""
    async with staged(tmp_path) as stage:
        async with stage.open() as service:
            identity, _ = await uploaded(service, LINES)
            puppet = await stage.puppet()
            await service.stop(identity)
            puppet.ends(143, {"status": "stopped", "resumable": True})
            await over(service, identity)
        async with stage.open(keep_uploads=-1.0) as service:
            version = 0
            while (job := await service.job(identity)).resumable or files(stage):
                version = await service.wait_change(version, 0.05)
            assert "its upload was removed" in str(job.message)


async def test_what_is_not_submitted_leaves_nothing(tmp_path: Path) -> None:
    """A client that goes away, an error, a refusal, the same request again: no file stays."""
    async with staged(tmp_path) as stage, stage.open() as service:
        with suppress(ZeroDivisionError):
            async with service.spool("csv", "none") as spool:
                await spool.write(LINES)
                1 / 0  # noqa: B018 - whatever goes wrong
        async with service.spool("csv", "none") as spool:
            await spool.write(LINES)
            await spool.finish()
        assert files(stage) == []
        first, upload = await uploaded(service, LINES, idempotency_key="k")
        again, _ = await uploaded(service, LINES, idempotency_key="k")
        assert (again, files(stage)) == (first, [upload.path])
        with pytest.raises(KeyReusedError):
            await uploaded(service, LINES + b"\n", idempotency_key="k")
        assert files(stage) == [upload.path]
        assert service._office.spool.total == len(LINES)


async def test_a_client_that_leaves_while_its_job_is_taken_leaves_job_and_file(
    tmp_path: Path,
) -> None:
    """Or neither: wherever the cancellation falls, there is no job without its upload."""
    async with staged(tmp_path) as stage, stage.open(most_running=1) as service:
        await submitted(service)
        await stage.puppet()
        for steps in range(12):
            asking = asyncio.ensure_future(uploaded(service, b"{}\n"))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking})
        jobs, _ = await service.jobs(limit=100)
        wanted = [job.upload.path for job in jobs if job.upload is not None]
        assert sorted(wanted) == files(stage)
        assert service._office.spool.total == 3 * len(wanted)


async def test_limits_hold_by_the_byte(tmp_path: Path) -> None:
    """Packed, unpacked and all uploads together; what is refused gives its room back."""
    packed = gzip.compress(b"\0" * 3_000_000)
    async with (
        staged(tmp_path) as stage,
        stage.open(max_body=200_000, max_inflated=3_000_000, max_spool=300_000) as service,
    ):
        await uploaded(service, packed, "gzip")
        before = service._office.spool.total
        with pytest.raises(TooLargeError, match="200,000"):
            await uploaded(service, b"x" * 200_001)
        with pytest.raises(TooLargeError, match="3,000,000"):
            await uploaded(service, gzip.compress(b"\0" * 3_000_001), "gzip")
        await uploaded(service, b"x" * 200_000)
        with pytest.raises(SpoolFullError):
            await uploaded(service, b"x" * 100_000)
        assert service._office.spool.total == before + 200_000
        assert len(files(stage)) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip at all",
        gzip.compress(LINES)[:-1],
        gzip.compress(LINES)[:-9] + b"\1" * 9,
        gzip.compress(LINES) + b"garbage",
        gzip.compress(LINES) + gzip.compress(LINES)[:20],
    ],
)
async def test_what_is_no_sound_gzip_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    """Not when its job has waited for its turn."""
    async with staged(tmp_path) as stage, stage.open() as service:
        with pytest.raises(BadUploadError):
            await uploaded(service, content, "gzip")
        assert files(stage) == []


@pytest.mark.parametrize(
    ("form", "compression", "pieces", "says"),
    [
        ("csv", "none", [b""], "column names"),
        ("csv", "gzip", [gzip.compress(b"")], "column names"),
        ("csv", "none", [gzip.compress(LINES)], "Content-Encoding: gzip"),
        ("jsonl", "none", [b"\x1f", b"\x8b", b"\x08"], "Content-Encoding: gzip"),
        ("jsonl", "none", [b"\x28\xb5\x2f\xfd and more"], "zstd"),
        ("jsonl", "none", [b"PK\x03\x04 and more"], "zip archive"),
        ("jsonl", "none", [b""], None),
        ("jsonl", "none", [b"PK"], None),
        ("csv", "none", [b"PK\n", b"1\n"], None),
    ],
)
def test_what_is_not_what_it_is_said_to_be_is_refused_at_once(
    form: Format, compression: Compression, pieces: list[bytes], says: str | None
) -> None:
    """With what to do about it, while whoever sent it still listens."""
    look = look_of(form, compression, 1_000_000)

    def take() -> None:
        for piece in pieces:
            look.feed(piece)
        look.finish()

    if says is None:
        take()
        return
    with pytest.raises(BadUploadError, match=says):
        take()


@given(
    st.lists(st.binary(max_size=3_000), min_size=1, max_size=4),
    st.integers(1, 400),
    st.integers(0, 600),
)
def test_unpacking_is_as_gzip_s_own(members: list[bytes], step: int, padding: int) -> None:
    """Several members, padded with zeros, in pieces of any size: the same size, to the byte."""
    packed = b"".join(gzip.compress(one) for one in members) + b"\0" * padding
    size = len(gzip.decompress(packed))
    for most, fits in ((size, True), (size - 1, False)):
        unpacking = look_of("jsonl", "gzip", most)
        pieces = [packed[start : start + step] for start in range(0, len(packed), step)]
        if fits:
            for piece in pieces:
                unpacking.feed(piece)
            unpacking.finish()
        else:
            with pytest.raises(TooLargeError):
                deque(map(unpacking.feed, pieces), maxlen=0)


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, SpoolFullError), (errno.EIO, StoreError)]
)
async def test_a_disk_that_does_not_take_it_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    """Full, or broken; no half file stays."""

    def refuse(_: int, __: bytes) -> None:
        raise OSError(number, os.strerror(number))

    async with staged(tmp_path) as stage, stage.open() as service:
        monkeypatch.setattr(spooling, "write_all", refuse)
        with pytest.raises(expected):
            await uploaded(service, LINES)
        assert files(stage) == []
        assert service._office.spool.total == 0


async def test_an_upload_ends_when_the_service_closes(tmp_path: Path) -> None:
    """It is not waited for."""
    async with staged(tmp_path) as stage, stage.open() as service:
        async with service.spool("jsonl", "none") as spool:
            await spool.write(b"x")
            service.close()
            with pytest.raises(ClosingError):
                await spool.write(b"x")
        assert files(stage) == []
