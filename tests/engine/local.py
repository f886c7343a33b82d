"""
Find a real DynamoDB Local: a given one, a container, or a Java process; in this order.

`PIPELINE_TEST_DYNAMODB_ENDPOINT` names one that runs already. Otherwise a container is started
where a Docker engine answers (having its command line is not enough), else the same engine as a
Java process.
"""

from __future__ import annotations

import gc
import os
import warnings
from contextlib import ExitStack, closing, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from tests.engine import java
from tests.engine.readiness import EngineAbsent, await_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDPOINT_VARIABLE", "IMAGE", "DynamoDBLocal"]

ENDPOINT_VARIABLE = "PIPELINE_TEST_DYNAMODB_ENDPOINT"
IMAGE = "amazon/dynamodb-local:3.3.1"


class DynamoDBLocal:
    """One engine for a test session: started when first asked for, and tried only once."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._first = Lock()  # two who ask at once would be given two engines
        self._found: str | None = None
        self._absent: str | None = None

    def endpoint(self) -> str:
        """Give the URL of the engine; raises EngineAbsent, each time with the same reasons."""
        with self._first:
            if self._absent is not None:
                raise EngineAbsent(self._absent)
            if self._found is None:
                try:
                    self._found = self._find()
                except EngineAbsent as absent:
                    self._absent = str(absent)
                    raise
            return self._found

    def close(self) -> None:
        """Stop what was started."""
        self._running.close()

    def _find(self) -> str:
        if given := os.environ.get(ENDPOINT_VARIABLE):
            return given
        reasons = []
        for start in (container, java.server):
            try:
                return self._running.enter_context(start())
            except EngineAbsent as absent:
                reasons.append(str(absent))
        raise EngineAbsent("; ".join(reasons))


@contextmanager
def container() -> Iterator[str]:
    """Start the image with testcontainers; raises EngineAbsent where no Docker engine answers."""
    if refusal := _docker_refusal():
        raise EngineAbsent(f"no Docker engine ({refusal})")
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer

    try:
        running = DockerContainer(IMAGE).with_exposed_ports(8000).start()
    except DockerException as failure:
        raise EngineAbsent(f"{IMAGE} does not start ({failure})") from failure
    try:
        host, port = running.get_container_host_ip(), running.get_exposed_port(8000)
        endpoint = f"http://{host}:{port}"
        await_answer(endpoint, died=lambda: None)
        yield endpoint
    finally:
        running.stop()


def _docker_refusal() -> str | None:
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        # The library forgets its socket when nobody answers; that is not our leak to report.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env(timeout=5)) as engine:
                engine.ping()
        except DockerException as failure:
            return str(failure)
        finally:
            gc.collect()
    return None
