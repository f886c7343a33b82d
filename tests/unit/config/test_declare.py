"""Declarations: what a class says about a mapping, held against mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from pipeline.config.declare.description import description_of
from pipeline.config.declare.marks import Field, OneOf, Then
from pipeline.config.declare.section import Section
from pipeline.config.declare.trial import REFUSED, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping


def even(value: int) -> int:
    if value % 2:
        raise ValueError("expected an even number")
    return value


def following(earlier: Mapping[str, Any]) -> int:
    return int(earlier["count"]) + 1


class Inner(Section):
    """A part of the part."""

    word: Annotated[str, Field(min_length=1, max_length=3, pattern="^[a-z]*$")] = Field(
        description="A word."
    )
    half: Annotated[int, Then(even)] = Field(default=2, description="An even number.")


class Other(Section):
    """Another part."""

    flag: bool = Field(default=True, description="A flag.")


def kind_of(value: object) -> str:
    return "Inner" if isinstance(value, dict) and "word" in value else "Other"


class Outer(Section):
    """A part."""

    kind: Literal["a", "b"] = Field(description="A kind.")
    count: Annotated[int, Field(ge=1, lt=10)] = Field(default=5, description="A number.")
    next: int = Field(default_from=following, description="One more than that.")
    names: Annotated[tuple[str, ...], Field(max_length=2)] = Field(default=(), description="Names.")
    parts: dict[Annotated[str, Field(min_length=1)], Inner] = Field(
        default_factory=dict, description="Parts by name."
    )
    one: Annotated[Inner | Other, OneOf(kind_of, {"Inner": Inner, "Other": Other})] = Field(
        default_factory=Other, description="One or the other."
    )
    maybe: Inner | None = Field(default=None, alias="from", description="A part or null.")
    any: Any = Field(default=None, description="Whatever.")


def found(document: Any) -> list[tuple[str, str]]:
    trial = Trial()
    made = Outer.check(document, (), trial)
    assert (made is REFUSED) == bool(trial.mistakes)
    return [(".".join(map(str, one.path)), one.kind) for one in trial.mistakes]


def test_what_is_left_out_has_its_default() -> None:
    """Defaults are checked, made anew, or made of the fields before them; given is what was."""
    made = Outer.check({"kind": "a", "count": 7, "from": {"word": "ab"}}, (), Trial())

    assert (made.kind, made.count, made.next, made.names, made.parts) == ("a", 7, 8, (), {})
    assert (made.one, made.maybe) == (Other(), Inner(word="ab"))
    assert made.given == {"kind", "count", "maybe"}
    assert made.plain(("one", "parts")) == {
        "kind": "a", "count": 7, "next": 8, "names": (), "maybe": {"word": "ab", "half": 2},
        "any": None,
    }  # fmt: skip


def test_all_mistakes_come_at_once() -> None:
    """Each with its place and kind; what only follows from another is not told."""
    document = {
        "count": "5",
        "names": ["a", 1, "c"],
        "parts": {"": {"word": "A", "half": 3}, "p": {"wrd": 1}},
        "one": {"word": ""},
        "from": [],
        "kidn": 1,
    }

    assert found(document) == [
        ("kind", "missing"),
        ("count", "whole"),
        ("names.1", "text"),
        ("names", "long_entries"),
        ("parts.", "short_text"),
        ("parts..word", "pattern"),
        ("parts..half", "value"),
        ("parts.p.word", "missing"),
        ("parts.p.wrd", "unknown"),
        ("one.word", "short_text"),
        ("from", "mapping"),
        ("kidn", "unknown"),
    ]


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ({"kind": "c"}, ("kind", "choice")),
        ({"kind": ["a"]}, ("kind", "choice")),
        ({"kind": "a", "count": True}, ("count", "whole")),
        ({"kind": "a", "count": 0}, ("count", "ge")),
        ({"kind": "a", "count": 10}, ("count", "lt")),
        ({"kind": "a", "count": None}, ("count", "whole")),
        ({"kind": "a", "names": "ab"}, ("names", "list")),
        ({"kind": "a", "parts": []}, ("parts", "mapping")),
        ({"kind": "a", "one": {"flag": 1}}, ("one.flag", "flag")),
        ({"kind": "a", "from": {"word": "a\n"}}, ("from.word", "pattern")),
        ("text", ("", "mapping")),
    ],
)
def test_one_mistake(document: Any, mistake: tuple[str, str]) -> None:
    """No value is taken for another: true is no number, a text no list of its letters."""
    assert found(document) == [mistake]


def test_a_section_is_frozen_and_copied_with_changes() -> None:
    """Nothing can be set; a copy has other values and the same rest."""
    made = Inner(word="ab")

    with pytest.raises(AttributeError, match="frozen"):
        made.word = "b"  # type: ignore[misc]  # as the test is about
    other = made.changed(word="c")
    assert (made.word, other.word, other.half) == ("ab", "c", 2)
    assert other != made
    assert other == Inner(word="c")
    assert repr(other) == "Inner(word='c', half=2)"
    with pytest.raises(ValueError, match="long_text"):
        Inner(word="abcd")


words = st.text("aB", max_size=4)
inner = st.fixed_dictionaries({}, optional={"word": words | st.none(), "half": st.integers(1, 4)})
anything = st.none() | st.booleans() | st.integers(-1, 11) | words | st.lists(words, max_size=3)
documents = st.fixed_dictionaries(
    {"kind": st.sampled_from(["a", "b", "c"])},
    optional={
        "count": anything,
        "names": anything,
        "parts": st.dictionaries(words, inner, max_size=2) | anything,
        "from": inner | anything,
        "any": anything,
        "other": anything,
    },
)


@given(documents)
def test_the_description_says_what_the_check_does(document: dict[str, Any]) -> None:
    """What the schema refuses is refused; what it takes is taken, but for checks in Python."""
    schema = description_of(Outer)
    mistakes = found(document)

    if Draft202012Validator(schema).is_valid(document):
        assert {path.rpartition(".")[2] for path, _ in mistakes} <= {"half"}  # no schema knows even
    else:
        assert mistakes
