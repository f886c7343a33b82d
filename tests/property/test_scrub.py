"""No text of the service carries a value of the item that it refuses, wherever it repeats it."""

from __future__ import annotations

import random
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.table.aws.faults import translate_answer
from pipeline.table.aws.scrub import scrub
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder

ENCODER = Encoder(
    TableDescription.from_response(
        {
            "TableName": "Users",
            "TableStatus": "ACTIVE",
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
        }
    )
)

# Upper-case canaries: the service's own words cannot hold one by chance.
CANARIES = st.text(alphabet="QXZJ0123456789", min_size=3, max_size=40)
TEMPLATES = (
    "One or more parameter values were invalid: {}",
    "refused '{}' at once",
    "{}",
    'Value "{}" is wrong, {} too',
    "(s={}, n={})",
    "\n{}\n",
    "x={};y={}",
)


@st.composite
def refusals(draw: st.DrawFn) -> tuple[list[str], bytes, str]:
    """Draw canaries, the write that holds them, and a text that repeats them."""
    canaries = draw(st.lists(CANARIES, min_size=1, max_size=6))
    dice = random.Random(draw(st.integers(0, 2**32)))

    def value(canary: str, depth: int = 0) -> object:
        kind = dice.randrange(5 if depth < 3 else 3)
        if kind > 2:
            inner = value(canary, depth + 1)
            return [inner] if kind == 3 else {"inner": inner}
        return (canary, canary.encode(), {canary: True})[kind]

    item = {f"field{number}": value(canary) for number, canary in enumerate(canaries)}
    template = draw(st.sampled_from(TEMPLATES))
    text = template.format(*(dice.choice(canaries) for _ in range(2)))
    wire = ENCODER.encode({"PK": canaries[0], **item}).wire  # type: ignore[dict-item]
    return canaries, wire, text


@settings(max_examples=300)
@given(refusal=refusals())
def test_no_canary_is_shown(refusal: tuple[list[str], bytes, str]) -> None:
    """Whole canaries, of three characters and more, in any type and depth of the item."""
    canaries, wire, text = refusal

    shown = scrub(text, [wire])
    error = str(translate_answer(400, "ValidationException", text, {}, [wire]))

    assert not any(canary in shown or canary in error for canary in canaries)


@settings(max_examples=200)
@given(
    value=st.text(alphabet=string.printable, min_size=8, max_size=200),
    start=st.integers(0, 190),
    length=st.integers(8, 60),
)
@example(value="12345678", start=0, length=8)
@example(value='a\\b"c\n d  e', start=0, length=20)
def test_no_eight_characters_in_a_row_are_shown(value: str, start: int, length: int) -> None:
    """A stretch of a value, cut anywhere, quoted as it is."""
    wire = ENCODER.encode({"PK": "key", "text": value}).wire
    quoted = " ".join(value[start : start + length].split())

    shown = scrub(f"<<{quoted}>>", [wire])

    assert not any(quoted[n : n + 8] in shown for n in range(len(quoted) - 7))


@given(text=st.text(max_size=2_000), value=st.text(max_size=50))
def test_any_text_comes_out_on_one_bounded_line(text: str, value: str) -> None:
    """Nothing that a server may say breaks the one who reads it."""
    try:
        wire = ENCODER.encode({"PK": "key", "text": value}).wire
    except Exception:  # noqa: BLE001 - what cannot be encoded is never sent
        wire = b'{"DeleteRequest":{"Key":{"PK":{"S":"key"}}}}'

    shown = scrub(text, [wire])

    assert len(shown) <= 301
    assert "\n" not in shown
