"""The fused way: what it must say nothing of, what it may say, what it learns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.compose.fused import Fused, fuse
from pipeline.compose.fused.seen import Seen
from pipeline.errors import Refused
from pipeline.sources.formats.json_decode import decode_object
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform
from pipeline.transform.specs import FromField, ItemSpec, Literal, TemplateText

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = b'{"id":"u1","n":26,"tags":["x"],"in":{"a":"b"},"x":1.5}'
SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "n": {"type": "integer", "maximum": 99},
    },
}
SPECS = [ItemSpec(key={"PK": "U#{id}"}, set={"kind": Literal("User")})]
TABLE = TableDescription.from_response(
    {
        "TableName": "T",
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    }
)


class Both:
    """The fused way of a definition that has learnt from some records, and the plain one."""

    def __init__(
        self,
        records: Sequence[bytes] = (USUAL,),
        specs: Sequence[ItemSpec] = SPECS,
        schema: dict[str, Any] | None = SCHEMA,
    ) -> None:
        self.encoder = Encoder(TABLE)
        self.transform = compile_transform(schema, specs, {"PK": "S"}, "put", coerce=False)
        fused = fuse(schema, specs, {"PK": "S"}, "put", self.encoder.frame)
        assert fused is not None
        self.fused: Fused = fused
        for number in range(64):
            fused.decode(records[number % len(records)])

    def plain(self, raw: bytes) -> list[Any] | None:
        """Say what the plain ways make of a record; None: they refuse it."""
        try:
            made = self.transform(decode_object(raw))
            return [(index, *self.encoder.encode_plain(one)) for index, one in made]
        except Refused:
            return None

    def agrees(self, raw: bytes) -> bool:
        """Say whether the fused way takes a record; if so it must make what the plain one makes."""
        made = self.fused.attempt(raw)
        if not made:
            return False
        assert _comparable(made) == _comparable(self.plain(raw) or [])
        return True


def _comparable(made: Sequence[Any]) -> list[Any]:
    return [(index, key, json.loads(wire), len(wire), size) for index, key, wire, size in made]


@pytest.mark.parametrize(
    "raw",
    [
        USUAL,
        b' { "id" : "u1" , "n" :26,\t"tags":[ "x" ],"in":{"a":"b"},"x":1.5}\r\n ',
        b'{"x":1.5,"in":{"a":"b"},"n":26,"id":"u1","tags":[]}',
        '{"id":"é名\U0001f600","n":26,"tags":["é"],"in":{"a":"b"},"x":1.5}'.encode(),
        b'{"id":"\\u00e9 \\"\\n\\\\","n":26,"tags":["\\u0000"],"in":{"a":"\\/"},"x":1.5}',
        b'{"id":"{\\"a\\":1,\\"b\\" :2}","n":26,"tags":["\\":"],"in":{"a":"b"},"x":1.5}',
        b'{"\\u0069d":"u1","n":26,"tags":["x"],"in":{"a":"b"},"x":1.5}',
        b'{"id":"u1","n":-0,"tags":["x"],"in":{"a":"b"},"x":-0.0}',
        b'{"id":"u1","n":10,"tags":["x"],"in":{"a":"b"},"x":1E+2}',
        b'{"id":"u1","n":1,"tags":["x"],"in":{"a":"b"},"x":0.00000000000000000000001234567890123}',
        b'{"id":"u1","n":1,"tags":["x"],"in":{"a":"b"},"x":' + b"9" * 38 + b"}",
        b'{"id":"u1","n":1,"tags":["x"],"in":{"a":"b"},"x":1e125}',
        USUAL.replace(b'"u1"', b'":"'),
        USUAL.replace(b'["x"]', b'["",":",", :"]'),
        USUAL.replace(b'["x"]', b"[]"),
    ],
)
def test_what_is_as_usual_is_taken_in_any_spelling(raw: bytes) -> None:
    """White space, escapes, the order of names and the spelling of numbers are nothing unusual."""
    assert Both().agrees(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        USUAL[:-1],
        USUAL + b"x",
        b"\xef\xbb\xbf" + USUAL,
        USUAL.replace(b'"u1"', b'"\xff"'),
        USUAL.replace(b'"u1"', b'"\xed\xa0\x80"'),
        USUAL.replace(b'"u1"', b'"\\ud800"'),
        USUAL.replace(b'"u1"', b'"a\tb"'),
        USUAL.replace(b'"u1"', b'""'),
        USUAL.replace(b'"u1"', b"null"),
        USUAL.replace(b'"u1"', b"7"),
        USUAL.replace(b'"u1"', b'"' + b"y" * 3_000 + b'"'),
        USUAL.replace(b"26", b"26.0"),
        USUAL.replace(b"26", b'"26"'),
        USUAL.replace(b"26", b"2e1"),
        USUAL.replace(b"26", b"100"),
        USUAL.replace(b"26", b"true"),
        USUAL.replace(b"26", b"026"),
        USUAL.replace(b"1.5", b"NaN"),
        USUAL.replace(b"1.5", b"1e400"),
        USUAL.replace(b"1.5", b"1e99999999999999999999"),
        USUAL.replace(b"1.5", b"9" * 39),
        USUAL.replace(b"1.5", b"true"),
        USUAL.replace(b"1.5", b'"1.5"'),
        USUAL.replace(b'["x"]', b'["x",1]'),
        USUAL.replace(b'["x"]', b'["x",null]'),
        USUAL.replace(b'["x"]', b"[" * 2_000),
        USUAL.replace(b'{"a":"b"}', b'{"a":"b","c":"d"}'),
        USUAL.replace(b'{"a":"b"}', b"{}"),
        USUAL.replace(b',"n":26', b""),
        USUAL.replace(b'"n"', b'"N"'),
        USUAL.replace(b'"n":26', b'"n":26,"n":26'),
        USUAL.replace(b'"n":26', b'"n":26,"\\u006e":26'),
        USUAL.replace(b'"n":26', b'"n":26,"n" :26'),
        USUAL.replace(b'"n":26', b'"n":26,"n"\t:26'),
        USUAL.replace(b'"n":26', b'"n":26,"n"\n:26'),
        USUAL.replace(b'"n":26', b'"n":26,"n"\r:26'),
        USUAL.replace(b'"id":"u1"', b'"id":"u0","id" :"u1"'),
        USUAL.replace(b'"a":"b"', b'"a":"c","a":"b"'),
        USUAL.replace(b'"a":"b"', b'"a":":","a" : "b"'),
        USUAL.replace(b'"u1"', b'"\\\\",":":"'),
        USUAL.replace(b'"n":26', b'"n":26,"n":26').replace(b'"u1"', b'"\\":"'),
        USUAL.replace(b'"a":"b"', b'"a":"\\\\","a":"b"'),
    ],
)
def test_what_is_doubtful_is_left_to_the_plain_ways(raw: bytes) -> None:
    """Malformed, of another shape, breaking a rule, or with a key twice however it is spelt."""
    assert not Both().fused.attempt(raw)


def test_a_text_that_looks_like_a_key_never_hides_a_key_that_stands_twice() -> None:
    """Spaces before colons and colons in texts do not make up for a lost member."""
    both = Both()
    for text in (b'":"', b'"\\":"', b'": :"', b'"\\" :"'):
        for space in (b"", b" ", b"\t", b"\n", b"\r"):
            raw = b'{"id":%s,"n"%s:1,"n"%s:2,"tags":[%s],"in":{"a":%s},"x":1}'
            assert not both.fused.attempt(raw % (text, space, space, text, text))
            once = b'{"id":%s,"n"%s:2,"tags":[%s],"in":{"a":%s},"x":1}'
            both.agrees(once % (text, space, text, text))


def test_members_of_any_value_are_counted() -> None:
    """A key that stands twice deep inside of what has no shape is noticed, and a text is none."""
    both = Both([b'{"id":"u","m":[{"a":1}]}', b'{"id":"u","m":{"b":[1]}}', b'{"id":"u","m":7}'])
    assert both.agrees(b'{"id":"u","m":[{"a":1,"b":{"c":[{"d":1}]}},{"a":2}]}')
    assert not both.fused.attempt(b'{"id":"u","m":[{"a":1,"b":{"c":[{"d":1,"d":1}]}}]}')
    assert not both.fused.attempt(b'{"id":"u","m":' + b"[" * 130 + b"]" * 130 + b"}")


def test_dropped_fields_keep_the_rules_of_the_source() -> None:
    """What is in no item may nest deeper than the table takes, but not deeper than is decoded."""
    usual = [b'{"id":"u","m":[1]}', b'{"id":"u","m":{"b":[1]}}']
    both = Both(usual, [ItemSpec(key={"PK": "{id}"}, omit=["m"])])
    assert both.agrees(b'{"id":"u","m":' + b"[" * 100 + b"]" * 100 + b"}")
    assert not both.fused.attempt(b'{"id":"u","m":' + b"[" * 128 + b"]" * 128 + b"}")
    assert both.agrees(b'{"id":"u","m":[1e400]}')


def test_fields_may_be_absent_or_null_as_they_were_seen_to_be() -> None:
    """One function serves all of them, and nested objects that are absent with all in them."""
    usual = [
        b'{"id":"u","a":"x","m":{"b":"c"},"n":1}',
        b'{"id":"u","a":null,"m":{"b":null,"d":2.5}}',
        b'{"id":"u","n":null}',
        b'{"id":"u","m":null,"t":["x"]}',
        b'{"id":"u","m":{}}',
    ]
    spec = ItemSpec(key={"PK": "{id}"}, set={"e": TemplateText("{m.b:-none}")})
    both = Both(usual, [spec], None)
    for raw in [
        *usual,
        b'{"id":"u"}',
        b'{"id":"u","m":{"d":1},"t":[],"n":7}',
        b'{"m":{},"id":"u"}',
    ]:
        assert both.agrees(raw), raw


def test_nothing_of_strangers_is_run() -> None:
    """Names, texts, templates and constants with quotes, braces and code in them stay text."""
    odd = ["{__import__('os')}", "'); raise SystemExit #", "{x}", "}{", "it's", "%s", "f'{1/0}'"]
    record = {"id": "u", **dict.fromkeys(odd, "{1/0}"), "m": dict.fromkeys(odd, 1)}
    raw = json.dumps(record, ensure_ascii=False).encode()
    spec = ItemSpec(
        key={"PK": "a'\"{{1/0}}\\\n{id}"},
        set={
            "c": Literal("'{1/0}\\\n\""),
            "t": TemplateText("\\N{{x}}{nobody:-'\\\"}{id}"),
            "'\n{1/0}\\": FromField("{x}"),
        },
    )
    assert Both([raw], [spec], {"properties": {"it's": {"const": "{1/0}"}}}).agrees(raw)


def test_it_learns_what_it_has_missed() -> None:
    """Fields that come up later are known after some time."""
    both = Both()
    later = USUAL.replace(b'"n":26', b'"later":"x"')
    for _ in range(128):
        assert not both.fused.attempt(later)
        both.fused.decode(later)
    assert both.agrees(later)
    assert both.agrees(USUAL)


def test_it_rests_where_it_is_in_vain_and_tries_again() -> None:
    """Records that never fit cost an attempt now and then, no more; then it is tried again."""
    both = Both()
    fused, names = both.fused, 0
    tried = 0
    for names in range(5_000):
        tried += fused.ready
        strange = USUAL.replace(b'"n"', b'"n%d"' % names)
        assert not fused.attempt(strange)
        fused.decode(strange)
    assert tried < 400
    for _ in range(70_000):
        if fused.attempt(USUAL):
            break
        fused.decode(USUAL)
    else:
        pytest.fail("it never tried again")


@pytest.mark.parametrize(
    "schema",
    [{"not": {}}, {"properties": {"a": {"format": "email"}}}, {"anyOf": [{}]}],
)
def test_a_schema_that_is_no_straight_code_has_no_fused_way(schema: dict[str, Any]) -> None:
    """What the library alone can judge is not judged here."""
    assert fuse(schema, SPECS, {"PK": "S"}, "put", Encoder(TABLE).frame) is None


def test_a_name_that_ends_in_a_backslash_hides_no_key_that_stands_twice() -> None:
    """Its quote is the end of a key, although it looks escaped."""
    both = Both([b'{"id":"u","m":[{"a":1}]}', b'{"id":"u","m":{"b":[1]}}', b'{"id":"u","m":7}'])
    both.agrees(b'{"id":"u","m":[{"k\\\\":1,"z":1}]}')
    assert not both.fused.attempt(b'{"id":"u","m":[{"k\\\\":1,"z":1,"z":2}]}')
    assert not both.fused.attempt(b'{"id":"u","m":[{"k\\\\":1,"k\\\\":2}]}')


def test_keys_keep_their_lengths() -> None:
    """An empty key, or one that may be too long, is left to the plain ways."""
    both = Both([b'{"id":"u"}'], [ItemSpec(key={"PK": "{id}"})], None)
    assert both.agrees(b'{"id":"' + b"x" * 512 + b'"}')
    assert not both.fused.attempt(b'{"id":""}')
    assert not both.fused.attempt(b'{"id":"' + b"x" * 513 + b'"}')
    named = Both([b'{"PK":"u"}'], [ItemSpec()], None)
    assert named.agrees(b'{"PK":"v"}')
    assert not named.fused.attempt(b'{"PK":""}')


def test_a_large_item_is_left_to_the_plain_ways() -> None:
    """Templates can make much of a short record."""
    spec = ItemSpec(key={"PK": "{id}"}, set={f"t{n}": TemplateText("{x}" * 5) for n in range(9)})
    both = Both([b'{"id":"u","x":"y"}'], [spec], None)
    assert both.agrees(b'{"id":"u","x":"' + b"y" * 1_300 + b'"}')
    assert not both.fused.attempt(b'{"id":"u","x":"' + b"y" * 1_500 + b'"}')


def test_a_set_has_members_and_none_twice() -> None:
    """A list that is no set is left to the plain ways; the list itself may be copied as well."""
    spec = ItemSpec(key={"PK": "{id}"}, set={"s": FromField("l", "SS")})
    both = Both([b'{"id":"u","l":["x"]}', b'{"id":"u","l":null}'], [spec], None)
    both.agrees('{"id":"u","l":["x","é","\\"",""]}'.encode())
    assert both.agrees('{"id":"u","l":["x","é","\\""]}'.encode())
    assert both.agrees(b'{"id":"u","l":null}')
    assert not both.fused.attempt(b'{"id":"u","l":[]}')
    assert not both.fused.attempt(b'{"id":"u","l":["x","x"]}')


def test_fields_become_other_types_as_in_the_plain_ways() -> None:
    """Conversions, times of expiry and renamed fields are made by the same code."""
    usual = b'{"id":"u","at":"2030-01-31T12:00:00Z","n":12,"t":"7.50","b":"YWJj","f":true}'
    spec = ItemSpec(
        key={"PK": "{id}#{n}#{f}"},
        set={
            "at": FromField("at", as_epoch=True),
            "n": FromField("n", "S"),
            "t": FromField("t", "N"),
            "b": FromField("b", "B"),
            "again": FromField("f"),
            "gone": FromField("nobody"),
        },
    )
    both = Both([usual], [spec], None)
    assert both.agrees(usual)
    assert both.agrees(usual.replace(b"12,", b"-10,").replace(b"7.50", b"1e3"))
    assert not both.fused.attempt(usual.replace(b"T12:00:00Z", b"T12:00:00"))
    assert not both.fused.attempt(usual.replace(b"7.50", b"seven"))
    assert not both.fused.attempt(usual.replace(b"YWJj", b"YWJ"))


def test_items_that_are_optional_are_skipped() -> None:
    """Of several items those are made for which the record has the fields."""
    specs = [
        ItemSpec(key={"PK": "{id}"}),
        ItemSpec(key={"PK": "E#{e}"}, only=("id",), optional=True),
        ItemSpec(key={"PK": "N#{nobody}"}, optional=True),
    ]
    usual = [b'{"id":"u","e":"x"}', b'{"id":"u"}', b'{"id":"u","e":null}']
    both = Both(usual, specs, None)
    for raw in [*usual, b'{"id":"\\n","e":"\\""}']:
        assert both.agrees(raw)
    assert [len(both.fused.attempt(raw) or ()) for raw in usual] == [2, 1, 1]


def test_what_is_learnt_of_names_is_bounded() -> None:
    """Names come from strangers: an object with very many of them is any value, with no names."""
    seen = Seen()
    for number in range(3_000):
        seen.observe({"id": "u", "m": {f"n{number % 16}": {f"x{number % 31}": {f"y{number}": 1}}}})
    waiting, places = [seen], 0
    while waiting:
        fields = waiting.pop().fields
        places += len(fields)
        waiting += fields.values()
    assert 2 <= places <= 256
    assert not seen.spread
