"""
A job server without HTTP: ``python -m tests.integration.job_server FOLDER RUNS SETTINGS``.

It takes one JSON request a line on stdin and answers each with one line; its log is on stderr. It
ends with SIGTERM, or with stdin.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.jobs.errors import JobsError
from pipeline.jobs.model import ACTIVE, Overrides, Settings
from pipeline.jobs.service import open_jobs
from pipeline.observe.logs import open_stderr_log

if TYPE_CHECKING:
    from pipeline.jobs.service import JobService


async def answer(service: JobService, request: dict[str, Any]) -> Any:  # noqa: PLR0911 - one for each call
    """Do what is asked for."""
    match request.pop("do"):
        case "submit":
            wanted = Overrides(**request.get("overrides", {}))
            key = request.get("key")
            job, created = await service.submit(request["pipeline"], wanted, idempotency_key=key)
            return {**asdict(job), "created": created}
        case "jobs":
            return [asdict(job) for job in (await service.jobs(limit=200))[0]]
        case "stop":
            return asdict(await service.stop(request["id"]))
        case "resume":
            return asdict(await service.resume(request["id"]))
        case "report":
            return await service.report(request["id"])
        case "settle":
            return [asdict(job) for job in await settled(service)]
        case "running":
            return [asdict(job) for job in await running(service, request["count"])]
        case other:
            raise ValueError(other)


async def settled(service: JobService) -> list[Any]:
    """Return all jobs once none can leave its state by itself."""
    version = 0
    while True:
        version = await service.wait_change(version, 60)
        jobs, _ = await service.jobs(limit=200)
        if not any(job.state in ACTIVE for job in jobs):
            return list(jobs)


async def running(service: JobService, count: int) -> list[Any]:
    """Return the jobs that run once there are *count* of them, with runs that have begun."""
    version = 0
    while True:
        version = await service.wait_change(version, 0.05)
        jobs, _ = await service.jobs(state="running", limit=200)
        begun = [job for job in jobs if (await service.live(job.id)).get("settled")]
        if len(begun) >= count:
            return begun


async def serve(folder: Path, runs: Path, settings: dict[str, Any]) -> None:
    """Answer until asked to end."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    assert main is not None
    loop.add_signal_handler(signal.SIGTERM, main.cancel)
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with open_stderr_log("info") as log:
        async with open_jobs(Settings(folder, runs, **settings), log) as service:
            print(json.dumps({"ready": os.getpid()}), flush=True)  # noqa: T201 - its protocol
            while line := await reader.readline():
                try:
                    told = await answer(service, json.loads(line))
                except JobsError as error:
                    told = {"error": type(error).__name__, "message": str(error)}
                print(json.dumps(told, default=str), flush=True)  # noqa: T201 - its protocol


def main() -> None:
    """Serve; a SIGTERM is a good end."""
    folder, runs, settings = sys.argv[1:]
    try:
        asyncio.run(serve(Path(folder), Path(runs), json.loads(settings)))
    except asyncio.CancelledError:
        sys.exit(0)


if __name__ == "__main__":
    main()
