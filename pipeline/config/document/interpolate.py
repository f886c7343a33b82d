"""
Environment variables in scalar values, as in Docker Compose.

``${VAR}``, ``${VAR:-default}`` (unset or empty), ``${VAR-default}`` (unset), ``${VAR:?message}``
and ``${VAR?message}`` (refused with the message); ``$$`` is a plain ``$``, and any other ``$``
stays as it is, so that the pattern ``^[0-9]+$`` needs no escape. It happens on parsed nodes: what a
variable holds can never become a key, a list or a second line of YAML. An unquoted scalar is
resolved anew afterwards (``${N:-5}`` is a number), a quoted one stays text. Keys are left alone,
and so is what stands behind ``--set``, where the shell has had its turn already.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.config.document.nodes import Entry, ListNode, MapNode, Node, ScalarNode
from pipeline.config.problems import DocumentPath, Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_FILLED", "interpolate"]

MAX_FILLED: Final = 256 * 1024

_TOKEN: Final = re.compile(r"\$(?:(\$)|\{([^}]*)(\}?))")
_INSIDE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])(.*))?", re.DOTALL)


def interpolate(root: Node, environment: Mapping[str, str], problems: Problems) -> Node:
    """
    Return *root* with every variable replaced; one without a value goes to *problems*.

    All that is filled in together is no longer than `MAX_FILLED`: a short file could else name a
    long variable thousands of times.
    """
    return _Filling(environment, problems).node(root, ())


class _Filling:
    def __init__(self, environment: Mapping[str, str], problems: Problems) -> None:
        self._environment = environment
        self._problems = problems
        self._left = MAX_FILLED

    def node(self, node: Node, path: DocumentPath) -> Node:
        if isinstance(node, MapNode):
            entries = {
                key: Entry(entry.place, self.node(entry.value, (*path, key)))
                for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)
        if isinstance(node, ListNode):
            items = (self.node(item, (*path, i)) for i, item in enumerate(node.items))
            return replace(node, items=tuple(items))
        if "$" not in node.text or node.place.override is not None:
            return node
        return self._scalar(node, path)

    def _scalar(self, node: ScalarNode, path: DocumentPath) -> ScalarNode:
        used: dict[str, str] = {}

        def value(token: re.Match[str]) -> str:
            if token[1]:
                return "$"
            name, text = _lookup(token, self._environment)
            used[name] = text
            self._left -= len(text)
            if self._left < 0:
                raise ValueError(
                    f"with `${{{name}}}` more than {MAX_FILLED // 1024} KiB are filled in"
                )
            return text

        try:
            text = _TOKEN.sub(value, node.text)
        except ValueError as error:
            self._problems.spoil(Problem(node.place, path, str(error)))
            return node
        return replace(node, text=text, substituted=used or None)


def _lookup(token: re.Match[str], environment: Mapping[str, str]) -> tuple[str, str]:
    inside = _INSIDE.fullmatch(token[2])
    if not token[3]:
        raise ValueError("`${` is never closed; write `${NAME}`, or `$${` for the text `${`")
    if inside is None:
        raise ValueError(
            "not a variable: write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`, "
            "or `$${` for the text `${`"
        )
    name, operator, argument = inside[1], inside[2] or "", inside[3] or ""
    if "{" in argument:
        raise ValueError(
            f"the default of `${{{name}...}}` has a brace in it; it is plain text only"
        )
    value = environment.get(name)
    if value is not None and (value or not operator.startswith(":")):
        return name, value
    if operator.endswith("-"):
        return name, argument
    state = "empty" if value == "" else "not set"
    if operator:
        raise ValueError(f"environment variable {name} is {state}: {argument or 'it is required'}")
    raise ValueError(
        f"environment variable {name} is not set; set it, or write `${{{name}:-default}}`"
    )
