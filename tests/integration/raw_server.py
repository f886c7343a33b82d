"""
A server that speaks bytes, not HTTP: it can break the protocol wherever a test wants it broken.

It keeps every request that arrived whole, and on which connection; what it says is a script's.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

__all__ = ["OK", "Exchange", "RawServer", "Script", "http", "say"]

OK = b'{"UnprocessedItems":{}}'


@dataclass
class Exchange:
    """One request that has arrived, and the connection to answer on."""

    number: int
    connection: int
    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End the connection as a server does that has finished."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection as a crash does: with RST."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()


Script = Callable[[Exchange], Awaitable[None]]


def http(body: bytes, status: int = 200, headers: str = "", *, length: int | None = None) -> bytes:
    """Spell out an answer, with a right CRC32 and a right length unless they are given."""
    crc = "" if "x-amz-crc32" in headers else f"x-amz-crc32: {zlib.crc32(body)}\r\n"
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status} Whatever\r\n{crc}{headers}Content-Length: {size}\r\n\r\n"
    return head.encode() + body


def say(data: bytes) -> Script:
    """Script an answer of *data*."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(data)

    return script


@dataclass
class RawServer:
    """What arrived, and the *script* of what is to be said."""

    script: Script
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                body = await reader.readexactly(length)
                exchange = Exchange(len(self.requests), connection, head, body, writer)
                self.requests.append(exchange)
                await self.script(exchange)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(
        self, tls: ssl.SSLContext | None = None, on: socket.socket | None = None
    ) -> AsyncIterator[RawServer]:
        """Listen on a free port of the loopback address, or *on* a socket; *tls* says how."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await self._serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                tasks.discard(task)

        where: dict[str, Any] = {"host": "127.0.0.1", "port": 0} if on is None else {"sock": on}
        server = await asyncio.start_server(serve, limit=2**26, ssl=tls, **where)
        scheme = "http" if tls is None else "https"
        host, port, *_ = server.sockets[0].getsockname()
        self.url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            await server.wait_closed()
