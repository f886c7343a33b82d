"""What an exchange gives: a whole answer, or one of the ways in which there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DeadlineError", "ExchangeError", "Response"]


@dataclass(frozen=True, slots=True)
class Response:
    """
    A whole answer, whatever it says; names of *headers* are in lower case.

    A header that came twice with one value is there once; with several, all of them are, with
    commas between.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class ExchangeError(ConnectionError):
    """
    There is no whole answer, and whether the request was carried out nobody knows.

    Its text is for people and holds nothing of request or answer; *code* names the fault.
    """

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class DeadlineError(ExchangeError):
    """The time for the whole exchange is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no whole answer within {seconds:g} s", "timeout")
