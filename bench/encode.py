"""
What it costs to encode an item, and that the fast ways encode as the plain one does.

    python bench/encode.py                          µs an item by way and shape, best of three
    python bench/encode.py --check 2000000          compare the ways on so many random items
    python bench/encode.py --check 200000 --seed 7  on others

The check prints how many items each way took; a failure shows the item. A seed repeats it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # so that it runs from anywhere

from bench.encode_items import ENCODERS, check_family, family
from pipeline.model import TypedSet

if TYPE_CHECKING:
    from collections.abc import Callable

_ITEMS = 2_000
_ROUNDS = 3
_LETTERS = "abcdefghij klmnopqrstuvwxyz 0123456789 .,"


def _user(random: Random, number: int) -> dict[str, Any]:
    return {
        "PK": f"USER#u{number:08}",
        "SK": "PROFILE",
        "entity": "User",
        "user_id": f"u{number:08}",
        "email": f"user{number}@example{number % 50}.com",
        "name": random.choice(("Ada Lovelace", "Grace Hopper", "Alan Turing", "José Núñez")),
        "age": random.randint(18, 89),
        "country": random.choice(("DE", "US", "FR", "NL")),
        "balance": Decimal(random.randint(0, 1_000_000)).scaleb(-2),
        "active": random.random() < 0.5,
        "tags": random.sample(("a", "b", "c", "news", "beta"), 2),
        "address": {"city": "Berlin", "zip": str(random.randint(10_000, 99_999))},
        "signup_at": "2024-05-06T12:00:00Z",
    }


def _small(_: Random, number: int) -> dict[str, Any]:
    return {"PK": f"EMAIL#{number}@example.com", "SK": f"USER#{number}", "user_id": f"u{number}"}


def _gappy(random: Random, number: int) -> dict[str, Any]:
    """Make a user some of whose fields are null, or absent: thousands of shapes."""
    item = _user(random, number)
    for name in [*item][3:]:
        chance = random.random()
        if chance < 0.3:
            del item[name]
        elif chance < 0.5:
            item[name] = None
    return item


def _nested(random: Random, number: int) -> dict[str, Any]:
    lines = [
        {"sku": f"S{line}", "count": random.randint(1, 9), "price": Decimal("19.99"), "gift": False}
        for line in range(5)
    ]
    ship = {"to": {"name": "Ada", "street": {"line": "1 Main St", "no": 7}}, "codes": [1, [2, 3]]}
    return {"PK": f"O#{number}", "SK": "ORDER", "lines": lines, "ship": ship, "note": None}


def _long_text(random: Random, number: int) -> dict[str, Any]:
    text = "".join(random.choices(_LETTERS, k=4_000))
    return {"PK": f"D#{number}", "SK": "DOC", "title": f"Title {number}", "body": text}


def _lines_of_text(random: Random, number: int) -> dict[str, Any]:
    """Make a long text with a line end every 80 characters: it must be escaped."""
    item = _long_text(random, number)
    body = item["body"]
    return item | {"body": "\n".join(body[at : at + 80] for at in range(0, len(body), 80))}


def _numbers(random: Random, number: int) -> dict[str, Any]:
    values: dict[str, Any] = {f"n{index}": random.randint(-(10**9), 10**12) for index in range(10)}
    values |= {
        f"d{index}": Decimal(random.randint(-(10**7), 10**7)).scaleb(-2) for index in range(10)
    }
    return {"PK": f"M#{number}", "SK": "METER", **values}


def _binary(random: Random, number: int) -> dict[str, Any]:
    return {
        "PK": f"B#{number}",
        "SK": "BLOB",
        "digest": random.randbytes(32),
        "blob": random.randbytes(600),
        "roles": TypedSet("SS", ("admin", "user", "guest")),
        "years": TypedSet("NS", (2023, 2024, Decimal("2024.5"))),
        "prints": TypedSet("BS", (random.randbytes(8), random.randbytes(9))),
    }


_SHAPES: dict[str, Callable[[Random, int], dict[str, Any]]] = {
    "small, 3 attributes": _small,
    "user, 13 attributes": _user,
    "user with gaps": _gappy,
    "nested order": _nested,
    "4 KB of text": _long_text,
    "4 KB in lines": _lines_of_text,
    "20 numbers": _numbers,
    "binary and sets": _binary,
}


def _measure() -> None:
    print(f"{'µs an item':24}{'plain':>9}{'one pass':>10}{'encode':>9}{'ratio':>8}")
    encoder = ENCODERS[0]
    for title, make in _SHAPES.items():
        random = Random(1)  # noqa: S311 - seeded dice, so that a measurement can be repeated
        items = [make(random, number) for number in range(_ITEMS)]
        ways = (encoder.encode_plain, encoder.encode_fused, encoder.encode)
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(_ROUNDS):
            for way in ways:
                start = time.process_time()
                for item in items:
                    way(item)
                best[way] = min(best[way], (time.process_time() - start) / _ITEMS * 1e6)
        plain, fused, fast = best.values()
        print(f"{title:24}{plain:9.2f}{fused:10.2f}{fast:9.2f}{plain / fast:7.1f}x")


def _check(wanted: int, seed: int) -> None:
    tally: Counter[str] = Counter()
    number = 0
    start = time.monotonic()
    while tally["items"] < wanted:
        random = Random(f"{seed}/{number}")  # noqa: S311 - as above
        encoder = ENCODERS[number % len(ENCODERS)]
        check_family(family(random, encoder), encoder, tally)
        number += 1
    print(f"all alike in {time.monotonic() - start:.0f} s:", dict(tally))


def main() -> None:
    """Measure, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=int, metavar="ITEMS", help="compare on random items")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.check:
        _check(chosen.check, chosen.seed)
    else:
        _measure()


if __name__ == "__main__":
    main()
