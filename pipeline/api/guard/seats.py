"""Seats: how many event streams may be open at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Seats"]


class Seats:
    """A number of seats, each taken for as long as a body runs."""

    def __init__(self, number: int) -> None:
        self.free = number

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a seat."""
        self.free -= 1
        try:
            yield
        finally:
            self.free += 1
