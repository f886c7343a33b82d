"""Patterns are ECMA-262, whatever engine runs them."""

from __future__ import annotations

import pytest

from pipeline.transform.schema import compile_schema
from pipeline.transform.schema.pattern import QUICK_LENGTH, translate
from pipeline.transform.schema.predicate import compile_predicate


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("^a$", ["a"], ["a\n", "\na", "b"]),
        ("^.$", ["a", "😀", "\x85", "\v"], ["\n", "\r", "\u2028", "\u2029"]),
        (r"^\d$", ["3"], ["٣"]),
        (r"^\D$", ["٣"], ["3"]),
        (r"^\w$", ["e", "_"], ["é", "-"]),
        (r"^\s$", [" ", "\u00a0", "\ufeff", "\u2028", "\v"], ["\x1c", "\x85", "\u200b"]),
        (r"^\S$", ["\x1c", "\x85"], [" ", "\ufeff"]),
        (r"^[\s\d]$", ["\ufeff", "1"], ["a"]),
        (r"^[\S]$", ["a"], ["\ufeff"]),
        (r"^[^\W]$", ["e"], ["é"]),
        (r"\ba", ["a", " a", "éa"], ["ba"]),
        (r"^\Ba", [], ["a"]),
        ("^[a&&b]$", ["a", "&", "b"], ["c"]),
        ("^[[]$", ["["], ["a"]),
        ("^[--a]$", ["-", "a", "."], ["b"]),
        ("^[^]$", ["a", "\n"], [""]),
        ("[]", [], ["a", ""]),
        (r"^[\b]$", ["\b"], ["b"]),
        (r"^\u0041\x42\cJ\0$", ["AB\n\0"], ["AB"]),
        (r"^\ud83d\ude00\u{1F600}$", ["😀😀"], ["😀"]),
        (r"^\-\@\_\/$", ["-@_/"], [""]),
        ("^]}$", ["]}"], []),
        (r"^\p{Lu}$", ["É"], ["é"]),
        ("^(?i:k)$", ["K", "k"], ["j"]),
        ("^(?<year>[0-9]{4})$", ["2024"], ["24"]),
        ("^(?=.*[A-Z])(?!.*x).{2,}$", ["aB"], ["ab", "xB"]),
        ("(?<=a)b", ["ab"], ["b"]),
        (r"^(a)\1$", ["aa"], ["a"]),
        ("^a+?b{2}c{1,}d{0,2}$", ["abbc", "aabbccdd"], ["abc", "abbcddd"]),
    ],
)
def test_means_what_ecma_says(pattern: str, yes: list[str], no: list[str]) -> None:
    """A pattern matches what ECMA-262 says, compiled and in the library."""
    for schema in ({"pattern": pattern}, {"pattern": pattern, "not": {"type": "null"}}):
        check = compile_schema(schema)
        assert [text for text in yes if not check.accepts(text)] == []
        assert [text for text in no if check.accepts(text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[", "[a", "*a", "a**", "a{", "{", "(?i)a", "(?>a)", "(?#c)a", "(?P<n>a)"),
        *("\\", r"\Z", r"\A", r"\e", r"\h", r"\u00", r"\ud800", r"\00"),
        *("a{3,2}", "[b-a]", r"[\d-z]", "^*"),
    ],
)
def test_what_ecma_does_not_have_is_refused(pattern: str) -> None:
    """A pattern of another dialect is refused, never read as something else."""
    with pytest.raises(ValueError, match=r"\w"):
        translate(pattern)


@pytest.mark.parametrize(
    ("pattern", "compiled"),
    [
        ("^[^@]+@[^@]+$", True),
        (r"^[^@\s]+@[^@\s]+\.[^@\s]+$", True),
        (r"^\d{4}-\d{2}-\d{2}$", True),
        (r"^(\+1)?\d{10}$", True),
        ("^(a|b)$", True),
        ("(a+)+$", False),
        ("^(a|a)*$", False),
        ("^(?:a*){9}$", False),
        ("a*a*a*", False),
        (r"\p{L}", False),
        (r"(a)\1", False),
    ],
)
def test_only_bounded_patterns_reach_python(pattern: str, compiled: bool) -> None:  # noqa: FBT001 - the expectation
    """A pattern whose steps have no small bound is left to the engine that never backtracks."""
    assert (translate(pattern).python is not None) is compiled


def test_a_long_text_goes_to_the_library_and_has_the_same_verdict() -> None:
    """The straight code never runs `re` on a long text: it says no, and the library decides."""
    schema = {"pattern": "a*b"}
    quick = compile_predicate(schema)
    assert quick is not None
    assert quick("a" * (QUICK_LENGTH - 1) + "b")
    assert not quick("a" * QUICK_LENGTH + "b")
    assert compile_schema(schema).accepts("a" * 1_000_000 + "b")
    assert not compile_schema(schema).accepts("a" * 100_000)
