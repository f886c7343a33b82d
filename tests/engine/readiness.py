"""Whether an engine is there, and answers."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EngineAbsent", "await_answer"]

START_TIMEOUT = 90.0
"""Real seconds that an engine has to answer for the first time; a cold JVM takes 4 to 20."""


class EngineAbsent(Exception):  # noqa: N818 - a state of the machine, not a fault
    """DynamoDB Local is not to be had in one way or in any; the text says what was tried."""


def await_answer(endpoint: str, died: Callable[[], str | None]) -> None:
    """
    Return when *endpoint* answers HTTP, whatever it says.

    *died* is asked between the tries and gives a reason as soon as waiting longer is in vain.
    Raises EngineAbsent with that reason, or when START_TIMEOUT has passed.
    """
    address = urlsplit(endpoint).netloc
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(address):
        if reason := died():
            raise EngineAbsent(reason)
        if time.monotonic() > deadline:
            raise EngineAbsent(f"{endpoint} did not answer within {START_TIMEOUT:.0f} s")
        time.sleep(0.05)


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
