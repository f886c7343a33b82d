"""Checks: from an annotation to the function that judges a value by it."""

from __future__ import annotations

import re
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pipeline.config.declare.marks import Bounds, FieldMark, OneOf, Then, Written
from pipeline.config.declare.trial import REFUSED, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.config.declare.trial import Trial
    from pipeline.config.problems import DocumentPath

    Check: TypeAlias = Callable[[Any, DocumentPath, Trial], Any]

__all__ = ["bounded", "check_of"]

_KINDS = {str: "text", int: "whole", bool: "flag"}


def check_of(annotation: Any) -> Check:  # noqa: PLR0911 - one for each kind of type
    """
    Return what judges a value by *annotation*.

    It returns the value as it is kept, or tells the trial of every mistake and returns `REFUSED`.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _marked(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        (inner,) = [one for one in arguments if one is not NoneType]
        return partial(_nullable, check_of(inner))
    if origin is Literal:
        return partial(_choice, arguments)
    if origin is tuple:
        return partial(_entries, check_of(arguments[0]))
    if origin is dict:
        return partial(_mapping, check_of(arguments[0]), check_of(arguments[1]))
    if annotation is Any:
        return _anything
    if annotation in _KINDS:
        return partial(_exactly, annotation, _KINDS[annotation])
    check: Check = annotation.check
    return check


def _marked(annotation: Any, marks: tuple[Any, ...]) -> Check:
    whole = [mark for mark in marks if isinstance(mark, Written | OneOf)]
    check = _whole(whole[0]) if whole else check_of(annotation)
    for mark in marks:
        if isinstance(mark, FieldMark):
            check = bounded(check, mark.bounds)
        elif isinstance(mark, Then):
            check = partial(_then, check, mark.check)
    return check


def _whole(mark: Written | OneOf) -> Check:
    if isinstance(mark, Written):
        return partial(_written, mark)
    checks = {name: check_of(member) for name, member in mark.members.items()}
    return partial(_one_of, mark.choose, checks)


def bounded(check: Check, bounds: Bounds) -> Check:
    """Return *check* with *bounds* held after it."""
    if bounds == Bounds():
        return check
    return partial(_bounded, check, bounds)


def _bounded(check: Check, bounds: Bounds, value: Any, path: DocumentPath, trial: Trial) -> Any:
    before = len(trial.mistakes)
    kept = check(value, path, trial)
    if any(mistake.path == path for mistake in trial.mistakes[before:]):
        return REFUSED
    # Entries are counted as they were written: that one of them is wrong makes them no fewer.
    for kind, context in _broken(bounds, value if kept is REFUSED else kept):
        kept = trial.refuse(path, kind, **context)
    return kept


def _broken(bounds: Bounds, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    low, high, below, shortest, longest, pattern = bounds
    if low is not None and value < low:
        yield "ge", {"ge": low}
    elif high is not None and value > high:
        yield "le", {"le": high}
    elif below is not None and value >= below:
        yield "lt", {"lt": below}
    what = "text" if isinstance(value, str) else "entries"
    if shortest is not None and len(value) < shortest:
        yield f"short_{what}", {"min_length": shortest}
    elif longest is not None and len(value) > longest:
        yield f"long_{what}", {"max_length": longest}
    elif pattern is not None and re.fullmatch(pattern, value) is None:
        yield "pattern", {}


def _anything(value: Any, _: DocumentPath, __: Trial) -> Any:
    return value


def _exactly(wanted: type, kind: str, value: Any, path: DocumentPath, trial: Trial) -> Any:
    return value if type(value) is wanted else trial.refuse(path, kind)


def _nullable(check: Check, value: Any, path: DocumentPath, trial: Trial) -> Any:
    return None if value is None else check(value, path, trial)


def _choice(choices: tuple[Any, ...], value: Any, path: DocumentPath, trial: Trial) -> Any:
    if isinstance(value, str) and value in choices:
        return value
    return trial.refuse(path, "choice", choices=choices)


def _entries(check: Check, value: Any, path: DocumentPath, trial: Trial) -> Any:
    if not isinstance(value, list | tuple):
        return trial.refuse(path, "list")
    kept = tuple(check(entry, (*path, index), trial) for index, entry in enumerate(value))
    return REFUSED if any(entry is REFUSED for entry in kept) else kept


def _mapping(keys: Check, values: Check, value: Any, path: DocumentPath, trial: Trial) -> Any:
    if not isinstance(value, dict):
        return trial.refuse(path, "mapping")
    kept, right = {}, True
    for key, entry in value.items():
        before = len(trial.mistakes)
        name = keys(key, (*path, key), trial)
        trial.mistakes[before:] = [
            Mistake(one.path, one.kind, one.context, on_key=True) for one in trial.mistakes[before:]
        ]
        kept[name] = values(entry, (*path, key), trial)
        right = right and name is not REFUSED and kept[name] is not REFUSED
    return kept if right else REFUSED


def _then(
    check: Check, further: Callable[[Any], Any], value: Any, path: DocumentPath, trial: Trial
) -> Any:
    kept = check(value, path, trial)
    if kept is REFUSED:
        return kept
    try:
        return further(kept)
    except ValueError as error:
        return trial.refuse(path, "value", error=error)


def _written(mark: Written, value: Any, path: DocumentPath, trial: Trial) -> Any:
    try:
        return mark.parse(value, trial.base)
    except ValueError as error:
        return trial.refuse(path, "value", error=error)


def _one_of(
    choose: Callable[[object], str],
    checks: dict[str, Check],
    value: Any,
    path: DocumentPath,
    trial: Trial,
) -> Any:
    return checks[choose(value)](value, path, trial)
