"""Limits: how large, how long, how many; nothing that comes over the wire is without one."""

from __future__ import annotations

from typing import Final

from pipeline.values import dataclass

__all__ = ["LARGEST_BODY", "LARGEST_NUMBER", "LONGEST_KEY", "Limits"]

LARGEST_BODY: Final = 65_536
"""Bytes of a body that is no upload."""

LONGEST_KEY: Final = 255
"""Characters of an Idempotency-Key."""

LARGEST_NUMBER: Final = 2**53 - 1
"""The largest whole number that every reader of JSON takes as it is written."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What one connection may cost; times in seconds, sizes in bytes.

    A head (request line and headers) has to be there *head_s* after its first byte, a connection
    without a request ends after *idle_s*. A body brings at least *body_rate* bytes a second,
    judged every *body_s*, while we take them. An answer that is not fetched for *write_s* is given
    up. What still comes after the last answer of a connection is taken and dropped for *linger_s*,
    so that the answer is not lost to a reset. At *connections* the oldest idle one is closed for a
    new one, or the new one refused; *streams* of events may be open at once.
    """

    connections: int = 256
    streams: int = 64
    head_bytes: int = 16_384
    head_fields: int = 64
    target_bytes: int = 8_192
    head_s: float = 10.0
    idle_s: int = 15
    body_rate: int = 1_024
    body_s: float = 10.0
    write_s: float = 30.0
    linger_s: float = 3.0
