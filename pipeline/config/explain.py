"""The verdict of the models, in words for the person who wrote the definition."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from pipeline.config.document.nodes import ListNode, MapNode, Node, ScalarNode, find, place_of
from pipeline.config.grammar import TemplateError
from pipeline.config.model.definition import Definition
from pipeline.config.problems import DocumentPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

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
    "union_tag_not_found": "required key `type` is missing",
}
_PATTERNS: Final = {
    "name": "expected letters, digits, '-' and '_', at most 100",
    "region": "expected a region such as us-east-1",
}
_QUOTED: Final = re.compile(r"'([^']*)'")
_SOURCE_TYPES: Final = frozenset({"generate", "file", "stdin"})
_SET_KINDS: Final = frozenset({"from", "value", "literal"})


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


def problem_of(error: ErrorDetails, root: Node) -> Problem:
    """Return one error of the models as a problem of the document."""
    location, context = error["loc"], error.get("ctx", {})
    path = _document_path(location)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(location, path, root)
        case "missing":
            return at(root, path[:-1], f"required key `{path[-1]}` is missing")
        case "union_tag_invalid":
            return _wrong_choice((*path, "type"), root, context["expected_tags"])
        case "literal_error":
            return _wrong_choice(path, root, context["expected"])
    wrong = context.get("error")
    if isinstance(wrong, TemplateError):
        return quoting(root, path, str(wrong))
    return at(root, path, _message(error, path, find(root, path)))


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


def _unknown_key(location: DocumentPath, path: DocumentPath, root: Node) -> Problem:
    place, key = place_of(root, path, key=True), str(path[-1])
    if _CREDENTIAL.search(key):
        return Problem(place, path, _CREDENTIAL_ADVICE, secret=True)
    return Problem(place, path, "unknown key", wrong=key, valid=_valid_keys(location))


def _wrong_choice(path: DocumentPath, root: Node, expected: str) -> Problem:
    choices = tuple(_QUOTED.findall(expected))
    problem = at(root, path, f"expected {' or '.join(choices)}")
    node = find(root, path)
    if not isinstance(node, ScalarNode) or node.substituted or not node.text:
        return problem  # what a variable holds is not even hinted at
    return replace(problem, wrong=node.text, valid=choices)


def _document_path(location: DocumentPath) -> DocumentPath:
    """Return *location* without what pydantic puts in: a union's tag, the mark of a key."""
    path = list(location)
    if path and path[-1] == "[key]":
        path.pop()
    if len(path) > 1 and path[0] == "source" and path[1] in _SOURCE_TYPES:
        del path[1]
    if len(path) > 4 and path[0] == "items" and path[2] == "set" and path[4] in _SET_KINDS:  # noqa: PLR2004 - items.0.set.name.TAG
        del path[4]
    return tuple(path)


def _valid_keys(location: DocumentPath) -> tuple[str, ...]:
    """Return the keys that are valid where the last part of *location* is not."""
    annotation: Any = Definition
    for part in location[:-1]:
        annotation = _step(annotation, part)
    names = [_name(model, field) for model in _models(annotation) for field in model.model_fields]
    return tuple(dict.fromkeys(names))


def _step(annotation: Any, part: str | int) -> Any:
    models = list(_models(annotation))
    for model in models:
        for field in model.model_fields:
            if _name(model, field) == part:
                return model.model_fields[field].annotation
    for model in models:  # a union's tag
        tag = model.model_fields.get("type")
        if tag is not None and part in get_args(tag.annotation):
            return model
    return annotation  # the index of a list, or a key that the definition's author chose


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _name(model: type[BaseModel], field: str) -> str:
    return model.model_fields[field].alias or field


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
