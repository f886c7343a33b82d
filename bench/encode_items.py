"""
Items to hold the encoder's three ways against each other: mostly sound, always at some edge.

Items come in families of one shape, so that there is code to be made for them, with members that
fall out of it. Everything is drawn from the generator that is passed in: a seed repeats it.
"""

from __future__ import annotations

from decimal import Context, Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.errors import Refused
from pipeline.model import TypedSet
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoded, Encoder
from pipeline.table.encoding.fused import DOUBTS
from pipeline.table.encoding.shapes import Shapes
from pipeline.table.rules import Index, KeyAttribute

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from pipeline.table.encoding.compiled import Encode

__all__ = ["ENCODERS", "FIGURES", "ODD", "check_family", "family"]


class _Level(IntEnum):
    HIGH = 3


class _Text(str):
    __slots__ = ()


class _Count(int):
    pass


class _Exact(Decimal):
    pass


class _Map(dict[str, Any]):
    pass


class _List(list[Any]):
    pass


_TEXTS = (
    "",
    "plain",
    "José Núñez",
    "Ⅷ 東京",
    "😀",
    'a "quote"',
    "back\\slash",
    "line\nfeed\r\ttab",
    "\0\x01\x1f",
    "\x7f\u0080\u2028\ufeff\uffff",
    '"},{"S":"',
    "{v0}{{%s}}",
    "'''\"\"\"",
    "e\u0301",
)
_SURROGATES = ("\ud83d", "\ude00", "half \udfff", "\ud83d\ude00")
_NAMES = (*_TEXTS[1:], *"abcdefghij", "PK", "SK", "g", "l", "n", "class", "item", "_")
ODD: tuple[Any, ...] = (
    1.5,
    float("nan"),
    (1,),
    bytearray(b"a"),
    {"a"},
    object(),
    _Level.HIGH,
    _Text("text"),
    _Count(7),
    _Exact("1.5"),
    _Map(a="b"),
    _List(["a"]),
    {1: "a"},
    {"": "a"},
    {"\ud800": "a"},
    {_Text("a"): "b"},
    [_Text("a")],
    TypedSet("SS", ()),
    TypedSet("SS", ("a", "a")),
    TypedSet("SS", (1,)),
    TypedSet("SS", (_Text("a"),)),
    TypedSet("SS", ("a", "\ud800")),
    TypedSet("NS", (1, Decimal("1.00"))),
    TypedSet("NS", (True,)),
    TypedSet("NS", (_Level.HIGH,)),
    TypedSet("NS", (_Count(1), _Exact(2))),
    TypedSet("NS", (0, Decimal("-0.0"))),
    TypedSet("NS", (Decimal("NaN"),)),
    TypedSet("NS", ("1", "1.0")),
    TypedSet("BS", (b"a", b"a")),
    TypedSet("BS", (bytearray(b"a"), b"b")),  # type: ignore[arg-type] # the point
    TypedSet("BS", ("a",)),
)
_ONES = "1" * 38
_SPELLINGS = (
    *("0", "-0", "0.0", "-0.00", "0E+3", "0E-7", "0E-140", "1E+2", "1.50", "12.00", "-12.50"),
    *("100.0", "0.5", "0.05", "0.0050", "-0.05", "1E-130", "1E-131", "1E+125", "1E+126"),
    *("9.99E+125", "NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity", "1E-38", "1E-39"),
    *(_ONES, f"{_ONES}1", f"-{_ONES}", f"0.{_ONES}", f"-0.{_ONES}", f"{_ONES[:19]}.{_ONES[19:]}"),
    *(f"-{_ONES[:19]}.{_ONES[19:]}", f"-1.{_ONES[1:]}", f"1.{_ONES}", f"{_ONES}.0"),
    *("1E+38", "1E+39", "1E+40", "-1E+39", "10E-1", "0.10E+2"),
)
FIGURES: tuple[Any, ...] = (
    0,
    -1,
    10,
    -100,
    999,
    1000,
    2**63,
    2**64,
    -(2**70),
    10**37,
    10**38 - 1,
    10**38,
    10**38 + 1,
    -(10**38) + 1,
    10**125,
    10**126 - 10**88,
    10**126,
    -(10**126),
    10**5000,
    *map(Decimal, _SPELLINGS),
)
_LONGEST = (0, 1, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049)
_PK = KeyAttribute("PK", "S", "partition")
_SK = KeyAttribute("SK", "S", "sort")
_INDEXES = (
    Index("global", "gsi", (KeyAttribute("g", "B", "partition"), KeyAttribute("n", "N", "sort"))),
    Index("local", "lsi", (_PK, KeyAttribute("l", "S", "sort"))),
)


def _encoders() -> Iterator[Encoder]:
    keys: tuple[tuple[KeyAttribute, ...], ...] = (
        (_PK, _SK),
        (_PK,),
        (KeyAttribute("PK", "N", "partition"), KeyAttribute("SK", "B", "sort")),
        (_PK, KeyAttribute("SK", "N", "sort")),
    )
    for key in keys:
        yield Encoder(TableDescription("t", "ACTIVE", key))
        yield Encoder(TableDescription("t", "ACTIVE", key), "delete")
    yield Encoder(TableDescription("t", "ACTIVE", keys[0], indexes=_INDEXES))
    yield Encoder(TableDescription("t", "ACTIVE", keys[3], indexes=_INDEXES[:1]))


ENCODERS = tuple(_encoders())
"""Tables of several keys, with and without indexes, put and deleted from."""


def family(random: Random, encoder: Encoder) -> list[dict[str, Any]]:
    """Draw some items of one shape for a table, and some that are almost of it."""
    makers = {_name(random): random.choice(_MAKERS) for _ in range(random.choice((0, 2, 5, 13)))}
    makers |= {part.name: _KEY_MAKERS[part.type] for part in encoder.frame.key}
    for part in encoder.frame.optional:
        if random.random() < 0.7:
            makers[part.name] = _KEY_MAKERS[part.type]
    if random.random() < 0.003:
        makers["é" * 32_767 + "a" * random.choice((1, 2))] = _figure
    padded = random.random() < 0.03
    if padded:
        makers["pad"] = _text
    names = random.sample([*makers], len(makers))
    inner = random.getrandbits(32)
    items = []
    for _ in range(8):
        item = {name: makers[name](random, inner) for name in names}
        if random.random() < 0.15:
            _disturb(random, item)
        items.append(item)
    if padded and "pad" in items[-1]:
        _pad(random, encoder, items[-1])
    return items


def check_family(items: list[dict[str, Any]], encoder: Encoder, tally: Counter[str]) -> None:
    """
    Fail unless every way gives an item the bytes, key and size, or the refusal, of the plain one.

    *tally* counts which way took how many of the items that are sound.
    """
    code = _learnt(items, encoder)
    for item in items:
        plain = _verdict(encoder.encode_plain, item)
        assert _verdict(encoder.encode, item) == plain, (item, plain)
        tally["sound"] += isinstance(plain, Encoded)
        fused = _verdict(encoder.encode_fused, item)
        assert fused in (None, plain), (item, plain, fused)
        tally["fused"] += fused is not None
        if tuple(item) in code:
            straight = _verdict(code[tuple(item)], item)
            assert straight in (None, plain), (item, plain, straight)
            tally["straight"] += straight is not None
        tally["items"] += 1


def _learnt(items: list[dict[str, Any]], encoder: Encoder) -> Mapping[tuple[str, ...], Encode]:
    """Make the code that the first sound items of a shape would lead to."""
    shapes = Shapes(encoder.frame, enough=2)
    for item in items:
        if _verdict(encoder.encode_fused, item) is not None:
            shapes.missed(item)
    return shapes.codes


def _verdict(encode: Callable[[Mapping[str, Any]], Any], item: Mapping[str, Any]) -> Any:
    """Give the bytes, or the reasons of a refusal as a list, or None for a doubt."""
    try:
        return encode(item)
    except Refused as refused:
        return [*refused.violations]
    except DOUBTS:
        return None


def _pad(random: Random, encoder: Encoder, item: dict[str, Any]) -> None:
    """Bring an item to the very byte of a limit, or beside it."""
    item["pad"] = ""
    try:
        size = encoder.encode_plain(item).size
    except Refused:
        return
    limit = random.choice((409_600, 204_800, 65_535))
    wide = random.choice(("x", "é", "\n", "東"))
    missing = limit + random.choice((-1, 0, 1)) - size
    width = len(wide.encode())
    item["pad"] = wide * (missing // width) + "x" * (missing % width)


def _disturb(random: Random, item: dict[str, Any]) -> None:
    name = random.choice([*item])
    way = random.randrange(8)
    if way == 0:
        del item[name]
    elif way >= 6:
        holders = [one for one in item.values() if type(one) in (list, dict) and one]
        _tamper(random, random.choice(holders) if holders else [1])
    elif way == 1:
        item[name] = random.choice(ODD)
    elif way == 2:
        item[random.choice(("", "\ud800", _Text("PK"), _name(random)))] = item.pop(name)
    elif way == 3:
        item[name] = _nest(random)
    elif way == 4:
        item[name] = random.choice(_SURROGATES)
    else:
        item[name] = random.choice(_MAKERS)(random, 0)


def _tamper(random: Random, holder: Any) -> None:
    """Change something inside a list or map, in place."""
    odd = random.choice((_Text("a"), None, 1, True, "\ud800", random.choice(ODD)))
    if type(holder) is list:
        holder[random.randrange(len(holder))] = odd
        return
    name = random.choice([*holder])
    way = random.randrange(4)
    if way == 0:
        holder[name] = odd
    elif way == 1:
        holder[_name(random)] = holder.pop(name)
    elif way == 2:
        holder[random.choice(("", "\ud800", _Text("b")))] = holder.pop(name)
    else:
        holder[name] = holder.pop(name)  # now the last


def _nest(random: Random) -> Any:
    value: Any = random.choice((1, "a", [], {}))
    for _ in range(random.randint(28, 33)):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def _name(random: Random) -> str:
    name: str = random.choice(_NAMES)
    return name + random.choice(("", "", "1", random.choice(_NAMES)))


def _text(random: Random, _: int = 0) -> str:
    if random.random() < 0.3:
        return random.choice(_TEXTS)
    letters = random.choice(("abc XYZ-09@.", "aé߿", "a一￿", "😀a", 'a\n"\\'))
    return "".join(random.choices(letters, k=random.randint(0, 20)))


def _figure(random: Random, _: int = 0) -> Any:
    way = random.random()
    if way < 0.2:
        return random.choice(FIGURES)
    digits = random.randint(
        -(10 ** random.choice((1, 2, 4, 9, 20, 38))), 10 ** random.randint(1, 39)
    )
    if way < 0.5:
        return digits
    return Decimal(digits).scaleb(-random.choice((0, 1, 2, 2, 5, 20, 130)), _EXACTLY)


def _small(random: Random, _: int = 0) -> Any:
    """Draw a number that any table takes."""
    return random.choice((random.randint(-99, 9999), Decimal(random.randint(-99999, 99999)) / 100))


def _binary(random: Random, _: int = 0) -> bytes:
    return random.randbytes(random.choice((0, 1, 2, 3, 30)))


def _texts(random: Random, _: int = 0) -> list[str]:
    return [_text(random) for _ in range(random.choice((0, 1, 2, 5)))]


def _mixed(random: Random, _: int = 0) -> list[Any]:
    return [random.choice(_MAKERS)(random, 0) for _ in range(random.choice((0, 1, 3)))]


def _fixed_map(random: Random, inner: int) -> dict[str, Any]:
    """Draw a map whose names are the same for the whole family."""
    names = ("city", "zip", "é", '"', "{0}")[: 1 + inner % 5]
    makers = (_text, _small, _texts, _anything, _free_map)[inner % 3 :]
    return {
        name: makers[index % len(makers)](random, inner // 7) for index, name in enumerate(names)
    }


def _free_map(random: Random, _: int = 0) -> dict[str, Any]:
    return {_name(random): random.choice(_SCALARS)(random, 0) for _ in range(random.randint(0, 3))}


def _set(random: Random, _: int = 0) -> TypedSet:
    way = random.randrange(3)
    count = random.choice((1, 2, 5))
    if way == 0:
        return TypedSet("SS", tuple({_text(random) for _ in range(count)}))
    if way == 1:
        return TypedSet("NS", tuple(_small(random) for _ in range(count)))
    return TypedSet("BS", tuple({_binary(random) for _ in range(count)}))


def _anything(random: Random, _: int = 0) -> Any:
    return random.choice(_SCALARS)(random, 0)


def _text_key(random: Random, _: int = 0) -> str:
    if random.random() < 0.9:
        return f"K#{random.randint(0, 999)}{_text(random)}"
    return random.choice("aé東😀") * (random.choice(_LONGEST) // random.choice((1, 2, 3, 4)))


def _binary_key(random: Random, _: int = 0) -> bytes:
    return b"k" * (random.randint(1, 9) if random.random() < 0.9 else random.choice(_LONGEST))


_EXACTLY = Context(prec=200, Emin=-999_999, Emax=999_999)
_Maker: TypeAlias = "Callable[[Random, int], Any]"
_SCALARS: tuple[_Maker, ...] = (
    _text,
    _text,
    _small,
    _figure,
    _binary,
    lambda random, _: random.random() < 0.5,
    lambda _random, _: None,
)
_MAKERS: tuple[_Maker, ...] = (
    *(_text, _text, _text, _small, _small, _small, _binary, _texts, _texts),
    *_SCALARS,
    *(_mixed, _fixed_map, _fixed_map, _free_map, _set, _anything),
)
_KEY_MAKERS: dict[str, _Maker] = {"S": _text_key, "N": _small, "B": _binary_key}
