"""Where an element of a JSON array ends: by brackets and strings alone."""

from __future__ import annotations

import re

__all__ = ["NEXT", "SPACE", "ElementScanner"]

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_NESTING = 6


def _nested(levels: int) -> bytes:
    """Write the pattern of a bracketed value that nests at most *levels* deep."""
    inner = b""
    for _ in range(levels):
        inner = rb'[\[{](?:[^\[\]{}"]++|' + _STRING + inner + rb")*+[\]}]"
        inner = b"|" + inner
    return inner[1:]


_VALUE = _nested(_NESTING) + b"|" + _STRING + rb'|[^\[\]{}",\s]++'

SPACE = re.compile(rb"[ \t\r\n]*+")

NEXT = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+(" + _VALUE + rb")[ \t\r\n]*+(?=[,\]])", re.DOTALL)
"""
A comma, a whole element and the space around both; what ends the element is not taken.

It matches what `ElementScanner` would find, only faster; deeper elements are left to the scanner.
"""

_TOKEN = re.compile(_STRING + rb'|["\[\]{},]', re.DOTALL)
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_QUOTE, _COMMA = b'",'
_OPENING = b"[{"


class ElementScanner:
    """
    Looks for the comma or bracket after one element, whatever its depth, length and form.

    *at* is how far it has looked; what lies before need not be kept.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self._depth = 0
        self._in_string = False

    def find_end(self, text: bytes) -> int | None:
        """Give the index of the comma or bracket that ends the element; None: not in *text*."""
        while self.at < len(text):
            if self._in_string:
                self.at = _STRING_REST.match(text, self.at).end()  # type: ignore[union-attr] # it matches nothing, too
                if text[self.at : self.at + 1] != b'"':
                    return None  # at the end, or before a backslash whose pair is not there yet
                self.at += 1
                self._in_string = False
            elif (end := self._scan(text)) is not None:
                return end
        return None

    def _scan(self, text: bytes) -> int | None:
        depth = self._depth
        for token in _TOKEN.finditer(text, self.at):
            first = text[token.start()]
            if first == _QUOTE:
                if token.end() - token.start() == 1:
                    self._depth, self._in_string, self.at = depth, True, token.end()
                    return None
            elif first in _OPENING:
                depth += 1
            elif depth == 0:
                return token.start()
            elif first != _COMMA:
                depth -= 1
        self._depth, self.at = depth, len(text)
        return None
