"""Text from strangers: it means the same, and acts on nothing."""

from __future__ import annotations

import hashlib
import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.text import escape_json, printable, shown_key

ACTING = [
    *map(chr, range(0x20)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\ud800",
    "\udfff",
    "\udc80",
]

anything = st.text(
    st.characters(exclude_categories=[]) | st.sampled_from(sorted(set("".join(ACTING))))
)


def acts(char: str) -> bool:
    """Say of every character what the escaped set is meant to be, by Unicode's own properties."""
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    marks = "\u061c\u200e\u200f"
    turns = unicodedata.bidirectional(char) in directions or char in marks
    return turns or unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")


@given(anything)
@example("".join(ACTING))
@example('\u00c2\u0080\U0001f600é\\\u202e"')
def test_json_means_the_same_and_acts_on_nothing(text: str) -> None:
    """Whatever a string holds, it is read back as it was, and no character of the line acts."""
    line = json.dumps({text: text}, ensure_ascii=False).encode("utf-8", "surrogatepass")

    escaped = escape_json(line)

    # JSON cannot tell two surrogates side by side from the one character that they are together.
    same = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(escaped) == {same: same}
    assert not any(map(acts, escaped.decode()))


def test_json_without_such_characters_is_left_alone() -> None:
    """What harms nobody stays readable."""
    for text in ("plain", "naïve Ελλάδα 日本 👍🏽 \u200d e\u0301 \ue000"):
        line = json.dumps(text, ensure_ascii=False).encode()
        assert escape_json(line) == line


def test_every_acting_character_is_known() -> None:
    """All of Unicode is asked, not a sample."""
    for code in range(0x110000):
        char = chr(code)
        line = char.encode("utf-8", "surrogatepass")
        if code >= 0x20:
            assert (escape_json(line) != line) is acts(char), hex(code)


@given(anything)
@example("".join(ACTING))
def test_printable(text: str) -> None:
    """What is shown to a person prints, every character of it."""
    assert printable(text).isprintable()
    assert printable(text, lines=True).replace("\n", "").replace("\t", "").isprintable()


def test_printable_tells_what_was_there() -> None:
    """An escape is shown as such, and lines of our own stay lines."""
    assert printable("a\x1b[2J\nb\u202e\ud800") == "a\\x1b[2J\\nb\\u202e\\ud800"
    assert printable("a\x1b\r\n\tb", lines=True) == "a\\x1b\\r\n\tb"


def test_keys() -> None:
    """A hashed key can be looked for by who knows it; nothing else of it is shown."""
    key = {"PK": "CARD#4111111111111111", "SK": "é\ud800"}
    hashed = shown_key(key, hashed=True)

    assert shown_key(key, hashed=False) == key
    assert hashed is not None
    assert hashed["PK"] == "sha256:" + hashlib.sha256(key["PK"].encode()).hexdigest()[:16]
    assert len(hashed["SK"]) == len("sha256:") + 16
    assert shown_key(None, hashed=True) is None
