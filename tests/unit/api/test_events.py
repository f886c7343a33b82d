"""Server-sent events, on virtual time: what is told, in which order, and when a stream ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from pipeline.api.limits import Limits
from tests.clock import run
from tests.unit.api.client import Answer, Bench

JOB = "job" + "0" * 19
EVENTS = f"/api/jobs/{JOB}/events"


def told(answer: Answer) -> list[tuple[str, str | None, Any]]:
    """Return (event, id, data) of a stream."""
    found = []
    for block in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return found


async def a_job() -> Bench:
    bench = Bench(limits=Limits(streams=2))
    await bench.ask("POST", "/api/users/migrate")
    return bench


def test_a_stream_tells_all_and_ends_with_the_job() -> None:
    """The job, what there is of its timeline, each change, what comes, and its end at last."""

    async def scene() -> Answer:
        bench = await a_job()
        bench.jobs.lines = [{"n": 0}, {"n": 1}]
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(bench.ask("GET", EVENTS))
            await asyncio.sleep(10)
            bench.jobs.lines = [*bench.jobs.lines, {"n": 2}]
            await asyncio.sleep(10)
            bench.jobs.lines = [*bench.jobs.lines, {"n": 3}]
            bench.jobs.put(replace(bench.jobs.known[JOB], state="succeeded"))
        return stream.result()

    answer = run(scene())
    events = told(answer)
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.header("cache-control") == "no-store"
    assert answer.ended
    assert [(name, it) for name, it, _ in events] == [
        ("job", None),
        ("sample", "0"),
        ("sample", "1"),
        ("sample", "2"),
        ("sample", "3"),
        ("job", None),
        ("end", None),
    ]
    assert events[0][2]["state"] == "running"
    assert events[-2][2]["state"] == "succeeded"
    assert events[-1][2] == {"state": "succeeded"}


def test_a_broken_stream_goes_on_where_it_was() -> None:
    """By Last-Event-ID, which counts more than `after`; nothing is told twice."""

    async def scene(target: str, headers: dict[str, str]) -> list[str | None]:
        bench = await a_job()
        bench.jobs.lines = [{"n": number} for number in range(1200)]
        bench.jobs.put(replace(bench.jobs.known[JOB], state="failed"))
        answer = await bench.ask("GET", target, b"", headers)
        return [it for name, it, _ in told(answer) if name == "sample"]

    assert run(scene(EVENTS, {})) == [str(number) for number in range(1200)]
    assert run(scene(f"{EVENTS}?after=1197", {})) == ["1198", "1199"]
    assert run(scene(f"{EVENTS}?after=3", {"last-event-id": "1198"})) == ["1199"]
    assert run(scene(EVENTS, {"last-event-id": "1199"})) == []


def test_a_timeline_that_began_anew_is_told_from_its_beginning() -> None:
    """As that of a dry run that was resumed: the number that the client has is of another."""

    async def scene() -> list[str | None]:
        bench = await a_job()
        bench.jobs.lines = [{"n": 0}, {"n": 1}]
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(bench.ask("GET", f"{EVENTS}?after=700"))
            await asyncio.sleep(5)
            bench.jobs.put(replace(bench.jobs.known[JOB], run="20260301T120100-abcdef"))
            bench.jobs.lines = [{"n": 0}]
            await asyncio.sleep(5)
            bench.jobs.put(replace(bench.jobs.known[JOB], state="succeeded"))
        return [it for name, it, _ in told(stream.result()) if name == "sample"]

    assert run(scene()) == ["0", "1", "0"]


def test_changes_of_other_jobs_read_no_files() -> None:
    """A hundred streams beside a hundred jobs would have the machine to themselves else."""

    async def scene() -> int:
        bench, reads = await a_job(), 0
        samples = bench.jobs.samples

        async def counted(*arguments: Any) -> Any:
            nonlocal reads
            reads += 1
            return await samples(*arguments)

        bench.jobs.samples = counted  # type: ignore[method-assign, assignment]  # counted
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(bench.ask("GET", EVENTS))
            for number in range(1000):
                bench.jobs.put(replace(bench.jobs.known[JOB], id=f"other{number}"))
                await asyncio.sleep(0.01)
            bench.jobs.put(replace(bench.jobs.known[JOB], state="succeeded"))
        assert stream.done()
        return reads

    assert 10 <= run(scene()) <= 13


def test_a_silent_stream_says_that_it_lives() -> None:
    """A comment every 15 seconds, so that no proxy between takes it for dead."""

    async def scene() -> Answer:
        bench = await a_job()
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(bench.ask("GET", EVENTS))
            await asyncio.sleep(100)
            bench.jobs.put(replace(bench.jobs.known[JOB], state="stopped"))
        return stream.result()

    assert run(scene()).body.count(b": still here\n\n") == 6


def test_a_stream_ends_at_once_when_the_server_closes() -> None:
    """Without `end`, since the job is not over; the client connects again."""

    async def scene() -> tuple[Answer, float]:
        bench, clock = await a_job(), asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(bench.ask("GET", EVENTS))
            await asyncio.sleep(10.5)
            bench.stop.request("sigterm")
        return stream.result(), clock.time()

    answer, ended = run(scene())
    assert answer.ended
    assert [name for name, _, _ in told(answer)] == ["job"]
    assert ended == 10.5


def test_a_client_that_leaves_takes_its_stream_with_it() -> None:
    """Its seat is free again, and nothing goes on for it."""

    async def scene() -> int:
        bench, gone = await a_job(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.ask("GET", EVENTS, gone=gone))
            await asyncio.sleep(5)
            assert bench.context.seats.free == 1
            gone.set()
        return bench.context.seats.free

    assert run(scene()) == 2


def test_streams_are_bounded() -> None:
    """One too many is refused with a time to come back; one that ends makes room."""

    async def scene() -> list[int]:
        bench, gone = await a_job(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(bench.ask("GET", EVENTS, gone=gone))
            await asyncio.sleep(1)
            refused = await bench.ask("GET", EVENTS)
            assert (refused.problem, refused.header("retry-after")) == ("busy", "10")
            gone.set()
        bench.jobs.put(replace(bench.jobs.known[JOB], state="stopped"))
        return [refused.status, (await bench.ask("GET", EVENTS)).status]

    assert run(scene()) == [503, 200]


def test_a_head_of_a_stream_is_no_stream() -> None:
    """HEAD says what GET would, and ends."""

    async def scene() -> Answer:
        bench, gone = await a_job(), asyncio.Event()
        gone.set()  # as uvicorn says once the answer is complete
        return await bench.ask("HEAD", EVENTS, gone=gone)

    answer = run(scene())
    assert (answer.status, answer.body) == (200, b"")


def test_what_is_no_event_id_is_refused() -> None:
    """422 by the header's name."""

    async def scene() -> Answer:
        return await (await a_job()).ask("GET", EVENTS, b"", {"last-event-id": "x"})

    answer = run(scene())
    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert answer.json["errors"][0]["field"] == "Last-Event-ID"
