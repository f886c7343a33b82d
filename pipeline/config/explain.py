"""The verdict of the models, in words for the person who wrote the definition."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from pipeline.config.document.nodes import ListNode, MapNode, Node, ScalarNode, find, place_of
from pipeline.config.grammar import TemplateError
from pipeline.config.model.definition import Definition
from pipeline.config.model.source import SOURCE_TYPES
from pipeline.config.problems import DocumentPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

__all__ = ["at", "only_follows", "problem_of", "quoting"]

_CREDENTIAL: Final = re.compile(
    r"(aws)?(access_?key|secret|session_?token|password|passwd|credential|api_?key|private_?key)",
    re.IGNORECASE,
)
_CREDENTIAL_ADVICE: Final = (
    "credentials never stand in YAML: they come from the SDK's chain "
    "(AWS_* variables, ~/.aws, an instance role)"
)
_MESSAGES: Final = {
    "string_type": "expected text; put it in quotes",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
    "tuple_type": "expected a list",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "less_than": "expected less than {lt}",
    "string_too_short": "expected at least {min_length} character(s)",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} entry",
    "too_long": "expected at most {max_length} entries",
}
_PATTERNS: Final = {
    "name": "expected letters, digits, '-' and '_', at most 100",
    "region": "expected a region such as us-east-1",
}
_QUOTED: Final = re.compile(r"'([^']*)'")


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


def only_follows(error: ErrorDetails, root: Node) -> bool:
    """Say whether an error of the models is but the consequence of another one."""
    if error["type"] == "too_short":  # entries are there, but none of them is right
        wanted: int = error["ctx"]["min_length"]
        return _length(find(root, _document_path(error["loc"]))) >= wanted
    return error["type"] == "default_factory_not_called"  # it depends on a field that is wrong


def problem_of(error: ErrorDetails, root: Node) -> Problem:
    """Return one error of the models as a problem of the document."""
    location, context = error["loc"], error.get("ctx", {})
    path = _document_path(location)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(location, path, root)
        case "missing":
            return at(root, path[:-1], f"required key `{path[-1]}` is missing")
        case "literal_error":
            types = SOURCE_TYPES if path == ("source", "type") else ()
            return _wrong_choice(path, root, types or tuple(_QUOTED.findall(context["expected"])))
    wrong = context.get("error")
    if isinstance(wrong, TemplateError):
        return quoting(root, path, str(wrong))
    problem = at(root, path, _message(error, path, find(root, path)))
    about_key = location[-1] == "[key]"
    return replace(problem, place=place_of(root, path, key=about_key))


def _message(error: ErrorDetails, path: DocumentPath, node: Node | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if isinstance(node, ScalarNode) and node.plain and not node.text:
        return "nothing stands here; give it a value or remove the key"
    if kind == "string_type" and isinstance(node, MapNode | ListNode):
        return 'expected text; a template needs quotes: "{user_id}"'
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS[str(path[-1])]
    return _MESSAGES.get(kind, error["msg"]).format(**context)


def _length(node: Node | None) -> int:
    if isinstance(node, MapNode):
        return len(node.entries)
    return len(node.items) if isinstance(node, ListNode) else 0


def _unknown_key(location: DocumentPath, path: DocumentPath, root: Node) -> Problem:
    place, key = place_of(root, path, key=True), str(path[-1])
    if _CREDENTIAL.search(key):
        return Problem(place, path, _CREDENTIAL_ADVICE, secret=True)
    homes = _homes().get(key, ())
    if len(homes) == 1 and homes[0] != ".".join(map(str, path[:-1])):
        place_for_it = f"under `{homes[0]}`" if homes[0] else "at the top"
        return Problem(place, path, f"unknown key here; it belongs {place_for_it}")
    valid = _valid_keys(location[:-1])
    return Problem(place, path, "unknown key", wrong=key, near=valid, otherwise=valid)


def _wrong_choice(path: DocumentPath, root: Node, choices: tuple[str, ...]) -> Problem:
    problem = at(root, path, f"expected one of: {', '.join(choices)}")
    node = find(root, path)
    if not isinstance(node, ScalarNode) or node.substituted or not node.text:
        return problem  # what a variable holds is not even hinted at
    return replace(problem, wrong=node.text, near=choices)


def _document_path(location: DocumentPath) -> DocumentPath:
    """Return *location* without what pydantic puts in: the tag of a union, the mark of a key."""
    path = list(location)
    if path[-1] == "[key]":
        path.pop()
    if path[0] == "source":
        del path[1:2]
    if path[0] == "items" and path[2:3] == ["set"]:  # items.0.set.attribute.TAG
        del path[4:5]
    return tuple(path)


@cache
def _valid_keys(location: DocumentPath) -> tuple[str, ...]:
    """Return the keys that are valid in the mapping at *location*."""
    annotation: Any = Definition
    for part in location:
        annotation = _step(annotation, part)
    names = [name for model in _models(annotation) for name, _ in _fields(model)]
    return tuple(dict.fromkeys(names))


def _step(annotation: Any, part: str | int) -> Any:
    models = list(_models(annotation))
    for model in models:
        if model.__name__ == part:  # the tag of a union
            return model
    for model in models:
        for name, inside in _fields(model):
            if name == part:
                return inside
    return annotation  # the index of a list, or a key that the definition's author chose


@cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Return where each key of a definition belongs: key -> paths of mappings, ``write.retry``."""
    homes: dict[str, set[str]] = defaultdict(set)
    waiting: list[tuple[str, type[BaseModel]]] = [("", Definition)]
    while waiting:
        path, model = waiting.pop()
        for name, inside in _fields(model):
            homes[name].add(path)
            waiting += [(f"{path}.{name}".lstrip("."), below) for below in _models(inside)]
    return {name: tuple(sorted(paths)) for name, paths in homes.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation


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
