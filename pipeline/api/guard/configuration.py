"""The server's configuration: uvicorn's, with what ours adds to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import uvicorn

from pipeline.api.guard.protocol import BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pipeline.api.limits import Limits
    from pipeline.api.problems import Problem

__all__ = ["BoundedConfig"]


class BoundedConfig(uvicorn.Config):
    """
    Configure uvicorn: our protocol, no websockets, no proxies believed, nothing told of itself.

    *note* is told of every request that was refused before the application saw it, with the id of
    the answer and the client's address.
    """

    def __init__(
        self, app: Any, limits: Limits, note: Callable[[Problem, str, object], None]
    ) -> None:
        self.limits = limits
        self.note = note
        # It warns of every request that is refused, which `note` tells better.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        super().__init__(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.idle_s,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=limits.head_bytes,
        )
