"""An engine without HTTP, on a clock that stands still until a test moves it."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.embedded import EngineSettings
from pipeline.embedded.engine import TARGET, Engine
from tests.contract.engine_calls import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

Json = dict[str, Any]


class Bench:
    """One open engine, called directly; `now` is its clock in seconds."""

    def __init__(self, path: Path | None, settings: EngineSettings, *, kept: bool = False) -> None:
        self.now = 1000.0
        self.engine = Engine(path, settings, kept=kept, monotonic=lambda: self.now)

    def __call__(self, operation: str, **request: Any) -> Answer:
        """Send a request."""
        reply = self.engine.reply(TARGET + operation, json.dumps(request).encode())
        return Answer(reply.status, json.loads(reply.body), {})

    def ok(self, operation: str, **request: Any) -> Json:
        """Send a request that must succeed."""
        answer = self(operation, **request)
        assert answer.status == 200, answer
        return answer.body

    def batch(self, *requests: Json, name: str = "items", **more: Any) -> Answer:
        """Send one BatchWriteItem to one table."""
        return self("BatchWriteItem", RequestItems={name: list(requests)}, **more)


@contextmanager
def opened(path: Path | None = None, *, kept: bool = False, **settings: Any) -> Iterator[Bench]:
    """Open an engine, and close it in the end."""
    bench = Bench(path, EngineSettings(**settings), kept=kept)
    with closing(bench.engine):
        bench.engine.open()
        yield bench


@pytest.fixture
def open_engine() -> Callable[..., AbstractContextManager[Bench]]:
    """Give the function that opens engines: path (None: memory) and settings."""
    return opened
