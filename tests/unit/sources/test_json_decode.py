"""One JSON text into fields."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal

import pytest

from pipeline.errors import Refused
from pipeline.sources.formats.json_decode import MAX_DEPTH, decode_object


def test_numbers_keep_every_digit() -> None:
    """No number passes through a float; minus zero is zero."""
    raw = b'{"a":0.12345678901234567890,"b":12345678901234567890123,"c":1e400,"d":-0,"e":1.50}'

    fields = decode_object(raw)

    assert fields["a"] == Decimal("0.12345678901234567890")
    assert fields["b"] == 12345678901234567890123
    assert fields["c"] == Decimal("1e400")
    assert str(fields["d"]) == "0"
    assert str(fields["e"]) == "1.50"


def test_text_is_kept_as_it_is() -> None:
    """Escapes, pairs of surrogates, NUL and separators of other alphabets are text like any."""
    raw = '{"a":"\\ud83d\\ude00\\u0000","b":"\u2028\u2029\x85\x7f","c":"\\\\ud800"}'.encode()

    assert decode_object(raw) == {"a": "😀\0", "b": "\u2028\u2029\x85\x7f", "c": "\\ud800"}


@pytest.mark.parametrize(
    ("raw", "rule", "says"),
    [
        (b'{"a":1,}', "json_syntax", "trailing comma in object at byte 7"),
        (b'{"a":1}{"b":2}', "json_syntax", "something follows the JSON object at byte 7"),
        (b'{"a":1} x', "json_syntax", "something follows the JSON object at byte 8"),
        (b'{"a":', "json_syntax", "ends at byte 5 before it is complete"),
        (b'{"a":"x', "json_syntax", "ends at byte 7 before it is complete"),
        (b"", "json_syntax", "ends at byte 0"),
        (b"{a:1}", "json_syntax", "keys must be strings at byte 1"),
        (b"{'a':1}", "json_syntax", "keys must be strings at byte 1"),
        (b'{"a":01}', "json_syntax", "invalid number"),
        (b'{"a":"\x01"}', "json_syntax", "invalid character at byte 6"),
        (b'\xef\xbb\xbf{"a":1}', "json_syntax", "byte order mark"),
        (b'{"a":NaN}', "number", "NaN and Infinity are no JSON numbers"),
        (b'{"a":-Infinity}', "number", "NaN and Infinity are no JSON numbers"),
        (b'{"a":' + b"1" * 5000 + b"}", "number", "more than 4300 digits"),
        (b'{"a":1e9999999999999999999}', "number", "exponent"),
        (b'{"a":"\xff"}', "encoding", "byte 6"),
        (b'{"a":"x","\xc3":1}', "encoding", "byte 10"),
        (b'{"a":"\xed\xa0\x80"}', "encoding", "byte 6"),
        (b'{"a":"x\\ud800"}', "encoding", "surrogate pair (\\uD800 to \\uDFFF) stands alone at"),
        (b'{"a":"\\ud800y"}', "encoding", "at byte 6"),
        (b'{"a":"\\ud800\\ud800"}', "encoding", "at byte 6"),
        (b'{"a":"\\ud83d\\ude00\\udc00"}', "encoding", "at byte 18"),
        (b'{"\\udfff":1}', "encoding", "at byte 2"),
        (b"[1]", "not_an_object", "an array"),
        (b'"x"', "not_an_object", "a text"),
        (b"1.5", "not_an_object", "a number"),
        (b"null", "not_an_object", "null"),
        (b"true", "not_an_object", "a boolean"),
    ],
)
def test_a_bad_record_says_why(raw: bytes, rule: str, says: str) -> None:
    """Each has its own rule, and a message in its author's words, with the place."""
    with pytest.raises(Refused) as refused:
        decode_object(raw)

    (violation,) = refused.value.violations
    assert (violation.kind, violation.rule) == ("malformed", rule)
    assert says in violation.message


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 2_000, 100_000])
@pytest.mark.parametrize("brackets", [b"[]", b"{}"])
def test_bottomless_nesting_is_refused(levels: int, brackets: bytes) -> None:
    """However deep it nests, a record is refused and takes nothing down."""
    opening = brackets[:1] if brackets == b"[]" else b'{"a":'
    raw = b'{"a":' + opening * (levels - 1) + b"1" + brackets[1:] * (levels - 1) + b"}"

    with pytest.raises(Refused, match=f"deeper than {MAX_DEPTH}") as refused:
        decode_object(raw)

    assert refused.value.violations[0].rule == "depth"


def test_nesting_up_to_the_limit_is_decoded() -> None:
    """The limit itself is allowed, and many brackets side by side are not deep."""
    deep = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    wide = b'{"a":[' + b",".join([b"[]"] * 1_000) + b"]}"

    assert "a" in decode_object(deep)
    assert decode_object(wide) == {"a": [[]] * 1_000}


@pytest.mark.parametrize(
    ("raw", "field", "key"),
    [
        (b'{"a":1,"a":1}', "a", "a"),
        (b'{"a":1, "b":2, "a" : 3}', "a", "a"),
        (b'{"a"\t:1,"a":3}', "a", "a"),
        (b'{"a"\n:1,"a"\r:3}', "a", "a"),
        (b'{"a":1,"\\u0061":2}', "a", "a"),
        (b'{"t":"12:30:00","b":{"c":[{"e":1},{"e":1,"e":2}]}}', "b.c[1].e", "e"),
        (b'{"a":{"x":1},"a":{"y":1}}', "a", "a"),
        (b'{"a":"\\":","b":1,"b":2}', "b", "b"),
        (b'{"":1,"":2}', "", ""),
        (b'{"a.b":1,"a.b":2}', "a.b", "a.b"),
    ],
)
def test_a_key_that_stands_twice_is_refused(raw: bytes, field: str, key: str) -> None:
    """At any depth, however it is spaced or escaped; decoders would keep the last in silence."""
    with pytest.raises(Refused) as refused:
        decode_object(raw)

    (violation,) = refused.value.violations
    assert (violation.rule, violation.field) == ("duplicate_key", field)
    assert repr(key) in violation.message


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"x\\":y","b":" : \\"k\\" : "}',
        b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
        b'{ "a" : 1 , "b"\n:\n2 }',
        b'{"a":"1:2:3","b":":"}',
        b"{}",
    ],
)
def test_the_same_key_in_different_objects_is_fine(raw: bytes) -> None:
    """Colons in texts and equal keys at different places raise no suspicion that lasts."""
    assert isinstance(decode_object(raw), dict)


def test_messages_hold_no_values() -> None:
    """What stands in a record may be somebody's secret: a refusal names places and keys only."""
    for raw in (b'{"pin":"1234secret"', b'{"pin":1234secret}', b'{"pin":"secret\xff"}'):
        with pytest.raises(Refused) as refused:
            decode_object(raw)
        assert "secret" not in str(refused.value)


def test_the_path_to_a_key_costs_little_however_long_the_names_on_it_are() -> None:
    """A long name above many values is not written down once for each of them."""
    names = ",".join(f'"{letter * 10_000}":[{"0," * 1_000}0]' for letter in "abc")
    raw = f'{{"{"k" * 10_000}":{{{names},"d":{{"x":1,"x":2}}}}}}'.encode()

    tracemalloc.start()
    try:
        with pytest.raises(Refused) as caught:
            decode_object(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    (violation,) = caught.value.violations
    assert violation.field == f"{'k' * 80}….d.x"
    assert peak < 50 * len(raw)


def test_a_long_record_is_decoded_as_a_short_one_is() -> None:
    """Its numbers keep their digits too, and an impossible one is refused."""
    numbers = ",".join(f"{n}.10" for n in range(20_000))

    assert decode_object(f'{{"x":[{numbers}]}}'.encode())["x"][7] == Decimal("7.10")  # type: ignore[index]  # it is a list
    with pytest.raises(Refused, match="an exponent is too large"):
        decode_object(f'{{"x":[{numbers},1e99999999999999999999]}}'.encode())
