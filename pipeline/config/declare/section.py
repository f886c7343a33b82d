"""Section: a frozen mapping of the definition, declared by the annotations of a class."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    dataclass_transform,
    get_type_hints,
)

from pipeline.config.declare.checks import bounded, check_of
from pipeline.config.declare.marks import Field, FieldMark
from pipeline.config.declare.trial import REFUSED, Trial

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.config.declare.checks import Check
    from pipeline.config.problems import DocumentPath

__all__ = ["Declared", "Section", "declared"]


class Declared(NamedTuple):
    """One field of a section: its *key* in the document, and how a value of it is judged."""

    name: str
    key: str
    annotation: Any
    mark: FieldMark
    check: Check


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Section:
    """
    A part of the definition; unknown keys are refused, defaults are checked too.

    Made from its keys it raises ValueError with everything that is wrong; `check` is for what was
    read from a document. *given* are the names of the fields that are not defaults.
    """

    __slots__ = ("__dict__", "given")

    given: frozenset[str]
    _declared: ClassVar[tuple[Declared, ...]]

    def __init__(self, **values: Any) -> None:
        trial = Trial()
        made = self._made(values, (), trial)
        if made is REFUSED:
            raise ValueError(f"{type(self).__name__}: {trial.mistakes}")
        _fill(self, vars(made), made.given)

    @classmethod
    def check(cls, value: Any, path: DocumentPath, trial: Trial) -> Any:
        """Judge *value*, a mapping as it was read, or a section that was judged before."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            return trial.refuse(path, "mapping")
        return cls._made(value, path, trial)

    @classmethod
    def _made(cls, value: Mapping[str, Any], path: DocumentPath, trial: Trial) -> Any:
        before, fields, kept = len(trial.mistakes), declared(cls), {}
        for field in fields:
            where, default = (*path, field.key), field.mark.default
            if field.key in value:
                kept[field.name] = field.check(value[field.key], where, trial)
            elif default is None:
                kept[field.name] = trial.refuse(where, "missing")
            elif len(trial.mistakes) == before:  # else it may be made of what is wrong
                kept[field.name] = field.check(default(kept), where, trial)
        valid = {field.key: field.name for field in fields}
        for key in value:
            if key not in valid:
                trial.refuse((*path, key), "unknown", valid=tuple(valid))
        if len(trial.mistakes) > before:
            return REFUSED
        made = cls.__new__(cls)
        _fill(made, kept, frozenset(valid[key] for key in value))
        return made

    def changed(self, **values: Any) -> Self:
        """Return a copy with other *values*, which are taken as they are."""
        copy = type(self).__new__(type(self))
        _fill(copy, {**vars(self), **values}, self.given | values.keys())
        return copy

    def plain(self, leave_out: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields by name, but those to *leave_out*; sections in them as well."""
        return {name: _plain(kept) for name, kept in vars(self).items() if name not in leave_out}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a definition is frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a definition is frozen: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        raise TypeError("a definition holds mappings, which have no hash")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={kept!r}" for name, kept in vars(self).items())
        return f"{type(self).__name__}({shown})"


def _fill(section: Section, values: Mapping[str, Any], given: frozenset[str]) -> None:
    vars(section).update(values)
    object.__setattr__(section, "given", given)


def declared(section: type[Section]) -> tuple[Declared, ...]:
    """Return the fields of *section*, those of the classes below it first; they are read once."""
    known: tuple[Declared, ...] | None = vars(section).get("_declared")
    if known is None:
        known = section._declared = _read(section)  # noqa: SLF001 - a cache that lives as long
    return known


def _read(section: type[Section]) -> tuple[Declared, ...]:
    hints = get_type_hints(section, include_extras=True)
    marks: dict[str, FieldMark] = {}
    for base in reversed(section.__mro__):
        marks |= {name: one for name, one in vars(base).items() if isinstance(one, FieldMark)}
    return tuple(
        Declared(
            name,
            mark.alias or name,
            hints[name],
            mark,
            bounded(check_of(hints[name]), mark.bounds),
        )
        for name, mark in marks.items()
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value
