"""HTTP/1.1 as far as an AWS client speaks it: whole messages in, exact bytes out."""

from __future__ import annotations

import socket
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["LIMIT", "Message", "answer", "read_message", "reset"]

LIMIT = 1 << 25
"""Bytes that a reader holds at most: twice the largest request that the service takes."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line, its headers (names in lower case), its body."""

    first: bytes
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split()[1])

    @property
    def operation(self) -> str:
        """The DynamoDB operation that a request is for: ``BatchWriteItem``."""
        return self.headers.get(b"x-amz-target", b"").rpartition(b".")[2].decode()

    def again(self, body: bytes) -> bytes:
        """Give the bytes of this request with another body; its signature is then worth nothing."""
        headers = {**self.headers, b"content-length": b"%d" % len(body)}
        lines = [self.first, *(name + b": " + value for name, value in headers.items())]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Read one message; raise IncompleteReadError where the connection ends instead."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return Message(first, headers, await _chunked(reader))
    length = int(headers.get(b"content-length", b"0"))
    return Message(first, headers, await reader.readexactly(length))


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while True:
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        part = await reader.readexactly(size + 2)
        if size == 0:
            return b"".join(parts)
        parts.append(part[:-2])


def answer(
    status: int,
    body: bytes,
    *,
    kind: bytes = b"application/x-amz-json-1.0",
    crc: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """Give an answer's bytes; *crc* is the checksum that it claims, its own if left out."""
    claimed = zlib.crc32(body) if crc is None else crc
    return (
        b"HTTP/1.1 %d Told\r\nContent-Type: %s\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n%s\r\n%s"
        % (status, kind, claimed, len(body), extra, body)
    )


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN: what was not read yet is lost to the peer."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
