"""Users made up from a seed: the i-th is a function of seed and i alone."""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.text import exact
from pipeline.model import Chunk, Position, Record
from pipeline.sources.base import Part
from pipeline.sources.formats.json_decode import decode_object
from pipeline.sources.people import CITIES, DOMAINS, FIRST_NAMES, LAST_NAMES, ROLES, STREETS, TAGS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pipeline.model import Value
    from pipeline.sources.base import GenerateSpec

__all__ = ["GenerateSource", "make_users"]

_NAME = "generate"
_GENERATOR = 1
"""The version of what is made of a seed and a number; any change to that is a new one."""
_DRAWS = Struct("<16s24H")  # a digest of 64 bytes: an id and 24 draws of 16 bits
_EPOCH = datetime(2016, 1, 1, tzinfo=UTC)
_DAYS = 3_500

_PLAIN = str.maketrans({"ø": "o", "ł": "l", "'": None})


def _mail_name(name: str) -> str:
    """Write *name* with the letters of a mail address."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    return letters.encode("ascii", "ignore").decode()


_FIRST = tuple((name, _mail_name(name)) for name in FIRST_NAMES)
_LAST = tuple((name, _mail_name(name)) for name in LAST_NAMES)


class GenerateSource:
    """Made-up users; a position is the number of the next one."""

    resumable = True
    sha256 = None

    def __init__(self, spec: GenerateSpec) -> None:
        self._spec = spec

    async def parts(self) -> Sequence[Part]:
        """Name the one part; there is nothing to check."""
        spec = self._spec
        identity: dict[str, int | str] = {
            "kind": "users",
            "seed": spec.seed,
            "count": spec.count,
            "generator": _GENERATOR,
        }
        return [Part(_NAME, records=spec.count, identity=identity)]

    async def read(self, part: Part, start: Position | None = None) -> AsyncGenerator[Chunk, None]:
        """Make the users one by one, in constant memory."""
        first = 0 if start is None else start.record
        cut = self._spec.cut
        steps = cut.steps()
        users = make_users(self._spec.seed)
        while first < self._spec.count:
            records: list[Record] = []
            size = 0
            end = min(self._spec.count, first + next(steps))
            while first < end and size < cut.size:
                raw = exact(orjson.dumps(users(first)))
                records.append(Record(first, first + 1, first, len(raw), raw))
                size += len(raw)
                first += 1
            yield Chunk(part.name, records, Position(part.name, first, first, first))
            await asyncio.sleep(0)  # nothing else here ever waits

    async def stretch(self, part: Part, position: Position, consumed: int) -> None:
        """Give nothing: there are no bytes to look at."""

    async def verify(self, part: Part, passed: Callable[[int], None]) -> None:
        """Give nothing: there are no bytes to read."""

    async def digest(self, part: Part, passed: Callable[[int], None]) -> None:
        """Give nothing, as `verify`."""

    def decode(self, record: Record, header: tuple[str, ...] | None) -> dict[str, Value]:  # noqa: ARG002 - of the protocol
        """Turn *record* into its fields."""
        return decode_object(record.raw)


def make_users(seed: int) -> _Users:
    """
    Give the users of *seed*, to be called with a number.

    The same number gives the same user in every process and on every machine: draws come from
    BLAKE2b, keyed by the seed.
    """
    return _Users(seed)


class _Users:
    def __init__(self, seed: int) -> None:
        self._hash = hashlib.blake2b(str(seed).encode(), person=b"pipeline.users")

    def __call__(self, number: int) -> dict[str, Any]:
        """Make user *number*."""
        hashed = self._hash.copy()
        hashed.update(b"#%d" % number)
        key, *draws = _DRAWS.unpack(hashed.digest())
        first, first_mail = _FIRST[draws[0] % len(_FIRST)]
        last, last_mail = _LAST[draws[1] % len(_LAST)]
        city, country = CITIES[draws[2] % len(CITIES)]
        signup = _EPOCH + timedelta(days=draws[3] % _DAYS, seconds=draws[4] * 86_400 >> 16)
        seen = signup + timedelta(days=draws[5] % 400, seconds=draws[6])
        cents = (draws[7] << 8 | draws[8] & 0xFF) % 1_000_000
        return {
            "user_id": _uuid(key.hex()),
            "email": f"{first_mail}.{last_mail}{number}@{DOMAINS[draws[9] % len(DOMAINS)]}",
            "name": f"{first} {last}",
            "age": 18 + draws[10] % 73,
            "country": country,
            "city": city,
            "signup_at": f"{signup.isoformat()[:19]}Z",
            "last_login": f"{seen.isoformat()[:19]}Z" if draws[11] % 10 else None,
            "balance": orjson.Fragment(b"%d.%02d" % divmod(cents, 100)),
            "active": draws[12] % 5 > 0,
            "roles": _some(ROLES, draws[13], 1 + draws[14] % 3),
            "address": {
                "street": f"{1 + draws[15] % 240} {STREETS[draws[16] % len(STREETS)]}",
                "city": city,
                "zip": f"{draws[17] % 100_000:05}",
                "country": country,
            },
            "tags": _some(TAGS, draws[18], draws[19] % 4),
        }


def _uuid(digits: str) -> str:
    """Write 32 hexadecimal *digits* as a UUID of version 4."""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _some(words: tuple[str, ...], draw: int, count: int) -> list[str]:
    """Take *count* different words, neighbours on a circle at a step that visits all of them."""
    step = 1 + 2 * (draw % 4)  # odd, and the circles have 8 words
    return [words[(draw // 4 + step * index) % len(words)] for index in range(count)]
