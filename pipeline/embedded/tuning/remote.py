"""Tell an engine that is served elsewhere how a table is to behave."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pipeline.embedded.tuning.private import CONFIGURE
from pipeline.errors import PreflightError

if TYPE_CHECKING:
    from pipeline.embedded.settings import EngineSettings

__all__ = ["configure"]

_TIMEOUT: Final = 10.0
_PATIENCE: Final = 10.0
"""Seconds for an engine that died to be there again."""
_PAUSE: Final = 0.1


async def configure(url: str, table: str, settings: EngineSettings) -> None:
    """
    Make *table* behave by *settings* in the engine at *url*; other tables are as they were.

    An engine that does not answer is asked again for ten seconds. Raise `PreflightError`.
    """
    body = json.dumps({"TableName": table, "Settings": asdict(settings)}).encode()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while True:
        try:
            status = await asyncio.to_thread(_asked, url, body)
        except (OSError, http.client.HTTPException) as error:
            if loop.time() < deadline:
                await asyncio.sleep(_PAUSE)
                continue
            raise PreflightError(
                f"the embedded engine at {url} does not answer ({type(error).__name__}); it is "
                "started with the server of the jobs: look there"
            ) from error
        if status != http.client.OK:
            raise PreflightError(
                f"the server at {url} refused the settings of table {table!r} with status "
                f"{status}; is it an embedded engine of this version?"
            )
        return


def _asked(url: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)
    try:
        headers = {"X-Amz-Target": CONFIGURE, "Authorization": "none"}
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
