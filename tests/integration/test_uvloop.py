"""What holds for our own transport on asyncio's loop holds on uvloop, on which a run is."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from tests.integration import test_http, test_tls, test_wire
from tests.integration.senders import Where

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from types import ModuleType
    from typing import Any

uvloop = pytest.importorskip("uvloop")

Case = tuple[str, dict[str, object]]


def cases(module: ModuleType) -> Iterator[Any]:
    """Find every test that takes a transport, with each of its parameters."""
    for name, test in vars(module).items():
        wanted = getattr(test, "__wrapped__", test)
        if not name.startswith("test_") or "where" not in inspect.signature(wanted).parameters:
            continue
        marks = [
            mark
            for mark in getattr(test, "pytestmark", ())
            if mark.name == "parametrize" and mark.args[0] != "where"
        ]
        if not marks:
            yield pytest.param(test, {}, id=name)
        for mark in marks:
            for value in mark.args[1]:
                yield pytest.param(test, {mark.args[0]: value}, id=f"{name}[{value}]")


@pytest.mark.parametrize(
    ("test", "given"), [*cases(test_wire), *cases(test_http), *cases(test_tls)]
)
def test_on_uvloop(test: Any, given: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same test, on another loop."""
    work: Coroutine[Any, Any, None] = test(where=Where("http", monkeypatch), **given)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
