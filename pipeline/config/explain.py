"""The verdict of the models, in words for the person who wrote the definition."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args

from pipeline.config.declare.section import Section, declared
from pipeline.config.document.nodes import ListNode, MapNode, Node, ScalarNode, find, place_of
from pipeline.config.grammar import TemplateError
from pipeline.config.model.definition import Definition
from pipeline.config.model.source import SOURCE_TYPES
from pipeline.config.problems import DocumentPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.config.declare.trial import Mistake

__all__ = ["at", "problem_of", "quoting"]

_CREDENTIAL: Final = re.compile(
    r"(aws)?(access_?key|secret|session_?token|password|passwd|credential|api_?key|private_?key)",
    re.IGNORECASE,
)
_CREDENTIAL_ADVICE: Final = (
    "credentials never stand in YAML: they come from the SDK's chain "
    "(AWS_* variables, ~/.aws, an instance role)"
)
_MESSAGES: Final = {
    "text": "expected text; put it in quotes",
    "whole": "expected a whole number",
    "flag": "expected true or false",
    "mapping": "expected keys and values",
    "list": "expected a list",
    "ge": "expected at least {ge}",
    "le": "expected at most {le}",
    "lt": "expected less than {lt}",
    "short_text": "expected at least {min_length} character(s)",
    "long_text": "expected at most {max_length} characters",
    "short_entries": "expected at least {min_length} entry",
    "long_entries": "expected at most {max_length} entries",
    "value": "{error}",
}
_PATTERNS: Final = {
    "name": "expected letters, digits, '-' and '_', at most 100",
    "region": "expected a region such as us-east-1",
}


def at(root: Node, path: DocumentPath, message: str) -> Problem:
    """Return a problem at *path* of the document; *message* holds no value."""
    return Problem(place_of(root, path), path, message)


def quoting(root: Node, path: DocumentPath, message: str) -> Problem:
    """
    Return a problem at *path* whose *message* may quote the text there.

    What an environment variable holds is nobody's business: a message that would show it is
    replaced by one that only names the variable.
    """
    for name, value in _substituted(find(root, path)):
        if value and value in message:
            message = f"wrong once `${{{name}}}` is filled in"
    return at(root, path, message)


def problem_of(mistake: Mistake, root: Node) -> Problem:
    """Return one mistake that the declarations have found as a problem of the document."""
    path, kind, context, about_key = mistake
    match kind:
        case "unknown":
            return _unknown_key(path, context["valid"], root)
        case "missing":
            return at(root, path[:-1], f"required key `{path[-1]}` is missing")
        case "choice":
            types = SOURCE_TYPES if path == ("source", "type") else ()
            return _wrong_choice(path, root, types or context["choices"])
    if isinstance(context.get("error"), TemplateError):
        return quoting(root, path, str(context["error"]))
    problem = at(root, path, _message(mistake, find(root, path)))
    return replace(problem, place=place_of(root, path, key=about_key))


def _message(mistake: Mistake, node: Node | None) -> str:
    if isinstance(node, ScalarNode) and node.plain and not node.text:
        return "nothing stands here; give it a value or remove the key"
    if mistake.kind == "text" and isinstance(node, MapNode | ListNode):
        return 'expected text; a template needs quotes: "{user_id}"'
    if mistake.kind == "pattern":
        return _PATTERNS[str(mistake.path[-1])]
    return _MESSAGES[mistake.kind].format(**mistake.context)


def _unknown_key(path: DocumentPath, valid: tuple[str, ...], root: Node) -> Problem:
    place, key = place_of(root, path, key=True), str(path[-1])
    if _CREDENTIAL.search(key):
        return Problem(place, path, _CREDENTIAL_ADVICE, secret=True)
    homes = _homes().get(key, ())
    if len(homes) == 1 and homes[0] != ".".join(map(str, path[:-1])):
        place_for_it = f"under `{homes[0]}`" if homes[0] else "at the top"
        return Problem(place, path, f"unknown key here; it belongs {place_for_it}")
    return Problem(place, path, "unknown key", wrong=key, near=valid, otherwise=valid)


def _wrong_choice(path: DocumentPath, root: Node, choices: tuple[str, ...]) -> Problem:
    problem = at(root, path, f"expected one of: {', '.join(choices)}")
    node = find(root, path)
    if not isinstance(node, ScalarNode) or node.substituted or not node.text:
        return problem  # what a variable holds is not even hinted at
    return replace(problem, wrong=node.text, near=choices)


@cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Return where each key of a definition belongs: key -> paths of mappings, ``write.retry``."""
    homes: dict[str, set[str]] = defaultdict(set)
    waiting: list[tuple[str, type[Section]]] = [("", Definition)]
    while waiting:
        path, model = waiting.pop()
        for name, inside in _fields(model):
            homes[name].add(path)
            waiting += [(f"{path}.{name}".lstrip("."), below) for below in _models(inside)]
    return {name: tuple(sorted(paths)) for name, paths in homes.items()}


def _models(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _fields(model: type[Section]) -> Iterator[tuple[str, Any]]:
    for field in declared(model):
        yield field.key, field.annotation


def _substituted(node: Node | None) -> Iterator[tuple[str, str]]:
    if isinstance(node, ScalarNode):
        yield from (node.substituted or {}).items()
    children: Sequence[Node] = ()
    if isinstance(node, ListNode):
        children = node.items
    elif isinstance(node, MapNode):
        children = [entry.value for entry in node.entries.values()]
    for child in children:
        yield from _substituted(child)
