"""
KeyConditionExpression: from text to which keys it wants.

Grammar: one or two conditions joined by AND, each in parentheses or not; ``path op :value`` (either
way round), ``path BETWEEN :a AND :b`` or ``begins_with(path, :value)``. Reserved words are not
refused as attribute names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pipeline.embedded import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Condition", "parse"]

_TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>(),.\[\]])|(\S))")
_COMPARISONS = frozenset({"=", "<", "<=", ">", ">="})
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_REFUSED_WORDS = frozenset({"OR", "NOT", "IN"})
_FUNCTIONS = frozenset(
    {"attribute_exists", "attribute_not_exists", "attribute_type", "contains", "size"}
)
_END = "<EOF>"


class Condition(NamedTuple):
    """
    One condition on one attribute, names and values still as placeholders.

    *operator* is a comparison, ``BETWEEN`` (two values) or ``begins_with``.
    """

    name: str
    operator: str
    values: tuple[str, ...]


def parse(text: str) -> list[Condition]:
    """
    Read an expression.

    :raises ServiceError: it is no KeyConditionExpression; the words are the service's.
    """
    if not text.strip():
        raise _invalid("The expression can not be empty;")
    reader = _Reader(_tokens(text))
    conditions = reader.conjunction()
    if reader.peek() != _END:
        raise reader.unexpected()
    return conditions


class _Reader:
    """A recursive descent over the tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        position = self._at + ahead
        return self._tokens[position] if position < len(self._tokens) else _END

    def conjunction(self) -> list[Condition]:
        found = self._term()
        while self.peek().upper() == "AND":
            self._at += 1
            found += self._term()
        if self.peek().upper() in _REFUSED_WORDS:
            raise _operator(self.peek().upper())
        return found

    def unexpected(self) -> answers.ServiceError:
        near = " ".join(self._tokens[max(0, self._at - 1) : self._at + 2])
        return _invalid(f'Syntax error; token: "{self.peek()}", near: "{near}"')

    def _term(self) -> list[Condition]:
        if self.peek() != "(":
            return [self._condition()]
        self._at += 1
        inner = self._conjunction_of_two_brackets() if self.peek() == "(" else self.conjunction()
        self._expect(")")
        return inner

    def _conjunction_of_two_brackets(self) -> list[Condition]:
        inner = self.conjunction()
        if len(inner) == 1:
            raise _invalid("The expression has redundant parentheses;")
        return inner

    def _condition(self) -> Condition:
        word = self.peek()
        if word.upper() in _REFUSED_WORDS:
            raise _operator(word.upper())
        if self.peek(1) == "(":
            return self._function(word)
        left = self._operand()
        operator = self.peek()
        if operator.upper() == "BETWEEN":
            self._at += 1
            low = self._value()
            self._expect("AND")
            return Condition(left, "BETWEEN", (low, self._value()))
        if operator == "<>" or operator.upper() in _REFUSED_WORDS:
            raise _operator(operator.upper())
        if operator not in _COMPARISONS:
            raise self.unexpected()
        self._at += 1
        right = self._operand()
        if left.startswith(":"):
            left, operator, right = right, _TURNED[operator], left
        if left.startswith(":") or not right.startswith(":"):
            raise _invalid("Operator or function must have one key attribute and one value")
        return Condition(left, operator, (right,))

    def _function(self, name: str) -> Condition:
        if name in _FUNCTIONS:
            raise _operator(name)
        if name != "begins_with":
            raise _invalid(f"Invalid function name; function: {name}")
        self._at += 1
        self._expect("(")
        path = self._operand()
        self._expect(",")
        value = self._value()
        self._expect(")")
        return Condition(path, "begins_with", (value,))

    def _operand(self) -> str:
        word = self.peek()
        if not re.fullmatch(r"[#:]?[A-Za-z0-9_]+", word):
            raise self.unexpected()
        self._at += 1
        if self.peek() in {".", "["}:
            raise answers.validation(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are "
                f"not allowed: Key: {word}"
            )
        return word

    def _value(self) -> str:
        if not self.peek().startswith(":"):
            raise self.unexpected()
        return self._operand()

    def _expect(self, token: str) -> None:
        if self.peek().upper() != token:
            raise self.unexpected()
        self._at += 1


def _tokens(text: str) -> list[str]:
    found = []
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        found.append(match.group(match.lastindex or 0))
    return found


def _operator(operator: str) -> answers.ServiceError:
    return answers.validation(f"Invalid operator used in KeyConditionExpression: {operator}")


def _invalid(what: str) -> answers.ServiceError:
    return answers.validation(f"Invalid KeyConditionExpression: {what}")
