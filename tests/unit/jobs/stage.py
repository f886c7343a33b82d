"""A stage for the job service: a folder of definitions, and puppets for processes."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.jobs.model import ACTIVE, Overrides, Settings
from pipeline.jobs.service import open_jobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pipeline.jobs.model import Job
    from pipeline.jobs.service import JobService

__all__ = ["DEFINITION", "Notes", "Puppet", "Stage", "define", "over", "staged", "until"]

DEFINITION = """\
name: {name}
source: {{type: generate, count: 10}}
schema: {{type: object}}
items:
  - key: {{PK: "USER#{{user_id}}"}}
target: {{table: Users, region: us-east-1}}
"""
PUPPET = Path(__file__).with_name("puppet.py")
PATIENCE = 10.0


class Puppet:
    """A job's process, seen from the test; *told* is what it got on stdin."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.told: dict[str, Any] = {}
        self._reader = reader
        self._writer = writer

    async def hears(self) -> Any:
        """Return the next thing that it hears."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self._reader.readline())

    def does(self, **order: Any) -> None:
        """Let it do something."""
        self._writer.write(json.dumps(order).encode() + b"\n")

    def ends(self, code: int, report: dict[str, Any] | None = None, say: str = "") -> None:
        """Let it leave a report in the run's folder, say something, and end."""
        files = {} if report is None else {str(self.folder / "report.json"): json.dumps(report)}
        self.does(write=files, say=say, exit=code)

    @property
    def folder(self) -> Path:
        """Where its run keeps its files."""
        name = Path(self.told["config"]).stem
        return Path(self.told["runs"], name, self.told["run"])

    def close(self) -> None:
        """Let go of it; if it still runs it ends."""
        self._writer.close()


class Notes:
    """A log that is kept."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, _: str) -> Any:
        return lambda event, **facts: self.lines.append((event, facts))

    async def hears(self, event: str) -> None:
        """Return once something has happened."""
        while event not in self.events:  # noqa: ASYNC110 - a log tells nobody that it grew
            await asyncio.sleep(0.01)

    @property
    def events(self) -> list[str]:
        """What happened, by name."""
        return [event for event, _ in self.lines]


class Stage:
    """Folders, settings, and the puppets that come on in the order in which they are started."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "configs"
        self.runs = root / "runs"
        self.notes = Notes()
        self.settings = Settings(self.folder, self.runs, grace=PATIENCE)
        self._entries: asyncio.Queue[Puppet] = asyncio.Queue()
        self._puppets: list[Puppet] = []
        self._through = False

    async def __aenter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        argv = (sys.executable, "-I", "-S", str(PUPPET), str(port))
        self.settings = replace(self.settings, child=argv)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for puppet in self._puppets:
            puppet.close()
        await self._server.wait_closed()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        puppet = Puppet(reader, writer)
        self._puppets.append(puppet)
        puppet.told = await puppet.hears()
        if self._through:
            puppet.ends(143)
        self._entries.put_nowait(puppet)

    async def puppet(self) -> Puppet:
        """Return the next process that is started."""
        async with asyncio.timeout(PATIENCE):
            return await self._entries.get()

    @property
    def nobody_came(self) -> bool:
        """Whether no process was started that the test has not met."""
        return self._entries.empty()

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[JobService]:
        """Open the service; when the test is through with it, processes do not hold it up."""
        async with open_jobs(replace(self.settings, **settings), self.notes) as service:
            yield service
            self._through = True
            for puppet in self._puppets:
                puppet.ends(143)
        self._through = False


@asynccontextmanager
async def staged(root: Path, *names: str) -> AsyncIterator[Stage]:
    """Set up a stage with a definition of each name."""
    async with Stage(root) as stage:
        for name in names or ("users",):
            define(stage.folder, name)
        yield stage


def define(folder: Path, name: str) -> Path:
    """Write a sound definition."""
    path = folder / f"{name}.yaml"
    path.write_text(DEFINITION.format(name=name))
    return path


async def until(service: JobService, identity: str, *states: str) -> Job:
    """Return a job once it is in one of *states*."""
    version = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            job = await service.job(identity)
            if job.state in states:
                return job
            version = await service.wait_change(version, PATIENCE)


async def over(service: JobService, identity: str) -> Job:
    """Return a job once it is over."""
    version = 0
    async with asyncio.timeout(PATIENCE):
        while (job := await service.job(identity)).state in ACTIVE:
            version = await service.wait_change(version, PATIENCE)
    return job


async def submitted(service: JobService, pipeline: str = "users", **more: Any) -> Job:
    """Return a new job."""
    job, created = await service.submit(pipeline, Overrides(), **more)
    assert created
    return job
