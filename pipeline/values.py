"""
Values: `dataclasses.dataclass`, for what this package makes of it, in a fifth of the time.

The library compiles six functions for each class, which took a fourth of the time up to the first
request (40 ms for a hundred classes). Here one is compiled, and the rest are closures. What comes
out is a dataclass for `fields`, `replace`, `asdict`, `match` and type checkers; the library makes
those that have a base, and is what the tests hold this one against.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass
else:

    def dataclass(
        *, slots: Literal[True], frozen: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """Make a class a dataclass with slots; see `dataclasses.dataclass`."""

        def made(cls: type) -> type:
            if cls.__bases__ != (object,):
                return dataclasses.dataclass(slots=slots, frozen=frozen, eq=eq)(cls)
            return _made(cls, frozen=frozen, eq=eq)

        return made


__all__ = ["dataclass"]

_Plain: Any = dataclasses.make_dataclass("_Plain", ["name"])
_Frozen: Any = dataclasses.make_dataclass("_Frozen", ["name"], frozen=True)
"""Patterns of what the library marks its classes and fields with."""


_NOT_COPIED = frozenset(
    {"__annotate__", "__annotate_func__", "__annotations_cache__", "__dict__", "__weakref__"}
)
"""What a new class gets anew; by several names, since Python 3.14 has its own for annotations."""


def _made(cls: type, *, frozen: bool, eq: bool) -> type:
    """Return *cls* with slots, and with the methods that the library would give it."""
    annotations = dict(getattr(cls, "__annotations__", {}))
    namespace = {name: one for name, one in vars(cls).items() if name not in _NOT_COPIED}
    fields = {
        name: _field(name, annotation, namespace.pop(name, MISSING))
        for name, annotation in annotations.items()
        if not str(annotation).removeprefix("typing.").startswith("ClassVar")
    }
    namespace |= {
        "__annotations__": annotations,
        "__slots__": tuple(fields),
        "__match_args__": tuple(fields),
        "__dataclass_fields__": fields,
        "__dataclass_params__": (_Frozen if frozen else _Plain).__dataclass_params__,
    }
    _add_methods(namespace, fields, frozen=frozen, eq=eq)
    made = type(cls)(cls.__name__, (object,), namespace)
    _add_init(made, fields, frozen=frozen)
    return made


def _field(name: str, annotation: Any, given: Any) -> Field[Any]:
    one: Any = given if isinstance(given, Field) else field(default=given)
    unusual = str(annotation).startswith(("InitVar", "KW_ONLY"))
    if unusual or not one.init or one.kw_only is True or one.hash is not None:
        raise TypeError(f"field {name!r}: only default, default_factory, repr, compare are known")
    if isinstance(one.default, list | dict | set):
        raise ValueError(f"mutable default for field {name!r}: use default_factory")  # noqa: TRY004 - as the library
    one.name, one.type, one.kw_only = name, annotation, False
    # `fields` and `replace` look at it.
    one._field_type = _Plain.__dataclass_fields__["name"]._field_type  # noqa: SLF001
    return one  # type: ignore[no-any-return]  # a Field, with what the library hides


def _add_methods(
    namespace: dict[str, Any], fields: Mapping[str, Field[Any]], *, frozen: bool, eq: bool
) -> None:
    shown = [name for name, one in fields.items() if one.repr]

    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes one
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    namespace.setdefault("__repr__", recursive_repr()(__repr__))
    if eq:
        if "__eq__" in namespace and namespace["__hash__"] is None:
            del namespace["__hash__"]  # which Python put there, nobody asked for it
        if not frozen:
            namespace.setdefault("__hash__", None)
        _add_comparison(namespace, _reader([name for name, one in fields.items() if one.compare]))
    if frozen:
        namespace |= {
            "__setattr__": _refuse_to_set,
            "__delattr__": _refuse_to_delete,
            "__getstate__": _state,
            "__setstate__": _restore,
        }


def _add_comparison(namespace: dict[str, Any], read: Callable[[Any], tuple[Any, ...]]) -> None:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807 - it becomes one
        return read(self) == read(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807 - it becomes one
        return hash(read(self))

    namespace.setdefault("__eq__", __eq__)
    namespace.setdefault("__hash__", __hash__)


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


def _add_init(made: Any, fields: Mapping[str, Field[Any]], *, frozen: bool) -> None:
    """
    Compile ``__init__``: it puts each value into its slot.

    With ``frozen`` past ``__setattr__``; without, an assignment is faster.
    """
    known: dict[str, Any] = {"absent": object()}
    head, body = ["self"], []
    for number, (name, one) in enumerate(fields.items()):
        known[f"set_{number}"] = vars(made)[name].__set__
        value = name
        if one.default_factory is not MISSING:
            known[f"make_{number}"] = one.default_factory
            head.append(f"{name}=absent")
            value = f"make_{number}() if {name} is absent else {name}"
        elif one.default is not MISSING:
            known[f"default_{number}"] = one.default
            head.append(f"{name}=default_{number}")
        else:
            head.append(name)
        body.append(f"set_{number}(self, {value})" if frozen else f"self.{name} = {value}")
    if "__post_init__" in vars(made):
        body.append("self.__post_init__()")
    lines = "\n ".join(body or ["pass"])
    exec(f"def __init__({', '.join(head)}) -> None:\n {lines}\n", known)  # noqa: S102 - as the library does
    init = known["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__annotations__ = {**{name: one.type for name, one in fields.items()}, "return": None}
    made.__init__ = init


def _refuse_to_set(_: object, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)
