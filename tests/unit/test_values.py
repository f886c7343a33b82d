"""Our dataclasses, held against those of the library: the same but for the time they take."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import values

if TYPE_CHECKING:
    from collections.abc import Callable

ours: Any = values.dataclass
theirs: Any = dataclasses.dataclass


def _define(dataclass: Any) -> dict[str, Any]:
    """Define the same classes by *dataclass*."""

    @dataclass(frozen=True, slots=True)
    class Frozen:
        """Frozen."""

        count: int
        word: str = "x"
        names: list[str] = field(default_factory=list)
        secret: str = field(default="s", repr=False)
        apart: int = field(default=0, compare=False)
        KIND: ClassVar[str] = "kind"

        @property
        def doubled(self) -> int:
            return self.count * 2

    @dataclass(slots=True)
    class Open:
        """Open."""

        count: int
        word: str = "x"

    @dataclass(slots=True, eq=False)
    class Itself:
        """Equal to itself alone."""

        count: int

    @dataclass(frozen=True, slots=True)
    class Checked:
        """Checked."""

        count: int

        def __post_init__(self) -> None:
            if self.count < 0:
                raise ValueError("negative")

    @dataclass(frozen=True, slots=True)
    class Own:  # noqa: PLW1641 - the decorator gives it a hash
        """With methods of its own."""

        count: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __repr__(self) -> str:
            return "own"

    @dataclass(frozen=True, slots=True)
    class Empty:
        """Without fields."""

    @dataclass(frozen=True, slots=True)
    class Derived(Frozen):
        """With a base."""

        more: int = 1

    found = {name: one for name, one in locals().items() if isinstance(one, type)}
    for name, one in found.items():
        one.__qualname__ = name
    return found


OURS, THEIRS = _define(ours), _define(theirs)
ARGUMENTS: dict[str, Any] = {
    "Frozen": st.tuples(
        st.integers(0, 2), st.sampled_from("xy"), st.lists(st.just("n"), max_size=1)
    ),
    "Open": st.tuples(st.integers(0, 2), st.sampled_from("xy")),
    "Itself": st.tuples(st.integers(0, 2)),
    "Checked": st.tuples(st.integers(-1, 2)),
    "Own": st.tuples(st.integers(0, 2)),
    "Empty": st.tuples(),
    "Derived": st.tuples(st.integers(0, 2), st.sampled_from("xy")),
}


def outcome(act: Callable[[], Any]) -> Any:
    """Return what *act* returns, or the type and text of what it raises."""
    try:
        return act()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error).replace("_define.<locals>.", "")


def facts(cls: Any, first: Any, second: Any) -> dict[str, Any]:
    """Return what two values made of these arguments say of themselves and each other."""
    one = outcome(lambda: cls(*first))
    if isinstance(one, tuple):
        return {"refused": one}
    other = cls(*second) if not isinstance(outcome(lambda: cls(*second)), tuple) else None
    return {
        "repr": repr(one),
        "equal": one == other,
        "unequal to a stranger": one != object(),
        "hashable": not isinstance(outcome(lambda: hash(one)), tuple),
        "hash": outcome(lambda: hash(one) == hash(copy.copy(one))) or "its own",
        "fields": [(item.name, item.type, item.repr) for item in dataclasses.fields(one)],
        "dict": dataclasses.asdict(one),
        "replaced": outcome(lambda: repr(dataclasses.replace(one, count=2))),
        "copied": repr(copy.deepcopy(one)),
        "match": cls.__match_args__,
        "slots": getattr(cls, "__slots__", None),
        "parameters": list(inspect.signature(cls).parameters),
        "hints": get_type_hints(cls.__init__, {"list": list}, None).keys(),
    }


@given(st.data())
def test_values_behave_as_the_librarys(data: st.DataObject) -> None:
    """Made, shown, compared, hashed, copied, replaced, taken apart, and refused alike."""
    name = data.draw(st.sampled_from(sorted(ARGUMENTS)))
    first, second = data.draw(ARGUMENTS[name]), data.draw(ARGUMENTS[name])

    mine, other = (facts(classes[name], first, second) for classes in (OURS, THEIRS))
    assert mine == other


@pytest.mark.parametrize("name", ["Frozen", "Checked", "Empty", "Derived"])
def test_a_frozen_value_stays_as_it_is(name: str) -> None:
    """Nothing is set, nothing deleted, nothing added."""
    for classes in (OURS, THEIRS):
        value = classes[name](*([1] if name != "Empty" else []))
        for attribute in ("count", "other"):
            with pytest.raises((FrozenInstanceError, TypeError)):
                setattr(value, attribute, 2)
            with pytest.raises((FrozenInstanceError, TypeError)):
                delattr(value, attribute)


def test_wrong_arguments_are_told() -> None:
    """As of any function: which is missing, which is too many."""
    for classes in (OURS, THEIRS):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'count'"):
            classes["Frozen"]()
        with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
            classes["Frozen"](1, other=2)


def test_defaults_are_made_anew() -> None:
    """Two values do not share the list of a factory; a mutable default is refused."""
    one, other = OURS["Frozen"](1), OURS["Frozen"](1)
    one.names.append("n")

    assert other.names == []
    with pytest.raises(ValueError, match="mutable default"):
        ours(slots=True)(type("Shared", (), {"__annotations__": {"a": "list"}, "a": []}))


@pytest.mark.parametrize(
    "given", [field(init=False), field(kw_only=True), field(hash=False)], ids=lambda _: "field"
)
def test_what_is_not_known_is_refused(given: Any) -> None:
    """Rather than taken for something else."""
    with pytest.raises(TypeError, match="only default, default_factory, repr, compare are known"):
        ours(slots=True)(type("Odd", (), {"__annotations__": {"a": "int"}, "a": given}))


@values.dataclass(frozen=True, slots=True)
class Kept:
    """At the top of a module, where pickle finds it."""

    count: int
    word: str = "x"


def test_a_value_survives_a_pickle() -> None:
    """Although nothing can be set."""
    assert pickle.loads(pickle.dumps(Kept(2, "y"))) == Kept(2, "y")  # noqa: S301 - our own


def test_a_value_that_holds_itself_is_shown() -> None:
    """Without end it would be."""
    one = OURS["Frozen"](1)
    one.names.append(one)

    assert repr(one) == "Frozen(count=1, word='x', names=[...], apart=0)"
