"""Random items of a known kind of wildness, and padding that brings them to an exact size."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pipeline.table import numbers
from pipeline.table.size import item_size

if TYPE_CHECKING:
    from random import Random

__all__ = ["padded", "random_item"]

_ALPHABETS = ("abcdefghij ", "aé߿", "a一￿", "😀a", "\0\n\"\\/'", "e\u0301ﬁ")
_KINDS = ("S", "N", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "L", "M")
_LONGEST_NAME = 65_535


def random_item(random: Random) -> dict[str, Any]:
    """Give an item of up to some thousand values, nested up to 31 deep, all ten types in it."""
    item: dict[str, Any] = {"pk": {"S": "p"}}
    for _ in range(random.choice((0, 1, 3, 10, 40))):
        item[f"{_text(random, 12)}{len(item)}"] = _value(random, random.choice((1, 2, 4, 6)))
    if random.random() < 0.1:
        item["deep"] = _chain(random, random.randint(7, 31))
    if random.random() < 0.05:
        item["n" * random.randint(256, _LONGEST_NAME)] = _value(random, 1)
    return item


def padded(random: Random, item: dict[str, Any], wanted: int) -> dict[str, Any]:
    """Give the item grown to exactly *wanted* bytes, in one of the places where bytes can go."""
    places: list[dict[str, Any]] = [
        {"S": ""},
        {"B": ""},
        {"L": [{"S": ""}]},
        {"M": {"é": {"S": ""}}},
        {"SS": ["", "a"]},
    ]
    value = random.choice(places)
    grown = {**item, "padding": value}
    missing = wanted - item_size(grown)
    assert missing >= 0
    _fill(value, missing, wide=random.random() < 0.3)
    return grown


def _fill(value: dict[str, Any], size: int, *, wide: bool) -> None:
    text = "é" * (size // 2) + "x" * (size % 2) if wide else "x" * size
    match value:
        case {"S": _}:
            value["S"] = text
        case {"B": _}:
            value["B"] = base64.b64encode(b"\xff" * size).decode()
        case {"SS": members}:
            members[0] = text
        case {"L": [inner]} | {"M": {"é": inner}}:
            inner["S"] = text


def _value(random: Random, depth: int) -> dict[str, Any]:  # noqa: PLR0911 - a table by type
    kind = random.choice(_KINDS if depth else _KINDS[:9])
    count = random.choice((0, 1, 2, 7))
    match kind:
        case "S":
            return {"S": _text(random, random.choice((0, 5, 40, 300)))}
        case "N":
            return {"N": _number(random)}
        case "B":
            return {"B": _binary(random)}
        case "BOOL":
            return {"BOOL": random.random() < 0.5}
        case "NULL":
            return {"NULL": True}
        case "SS":
            return {"SS": sorted({_text(random, 9) for _ in range(count)} | {"one"})}
        case "NS":
            different = {numbers.parse(text): text for text in (_number(random) for _ in range(9))}
            return {"NS": list(different.values())}
        case "BS":
            return {"BS": sorted({_binary(random) for _ in range(count)} | {"YQ=="})}
        case "L":
            return {"L": [_value(random, depth - 1) for _ in range(count)]}
        case _:
            return {
                "M": {f"{_text(random, 6)}{i}": _value(random, depth - 1) for i in range(count)}
            }


def _chain(random: Random, depth: int) -> dict[str, Any]:
    value = _value(random, 0)
    for _ in range(depth):
        value = {"L": [value]} if random.random() < 0.5 else {"M": {_text(random, 3) + "k": value}}
    return value


def _text(random: Random, longest: int) -> str:
    alphabet = random.choice(_ALPHABETS)
    return "".join(random.choices(alphabet, k=random.randint(0, longest)))


def _binary(random: Random) -> str:
    return base64.b64encode(random.randbytes(random.choice((0, 1, 2, 3, 50)))).decode()


def _number(random: Random) -> str:
    """Give a number in any spelling, with zeros in all places where zeros are told apart."""
    count = random.choice((1, 2, 3, 5, 9, 20, 37, 38))
    digits = "".join(random.choices("0123456789", weights=(4, *([1] * 9)), k=count))
    sign = random.choice(("", "", "-", "-", "+"))
    form = random.choice(("integer", "point", "exponent"))
    if form == "integer":
        return f"{sign}{digits}"
    if form == "point":
        at = random.randint(0, count)
        return f"{sign}{digits[:at]}.{digits[at:]}" if count > 1 else f"{sign}{digits}.0"
    return f"{sign}{digits}E{random.randint(-130, 125 - count + 1)}"
