"""Documents that are small and cost much, or say something else than they seem to."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Final

from bench.reliability.attacks.verdict import Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reliability.attacks.verdict import Place

__all__ = ["FAMILY", "attacks", "definitions"]

FAMILY: Final = "bombs"

_MIGRATE: Final = "/api/people/migrate"
_JSON: Final = "application/json"
_ROOM: Final = 64_000
"""Bytes of a body that is not refused for its size alone."""

_ALIASES: Final = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine to the ninth, in 400 bytes."""

_DEFINITION: Final = """\
source: {type: generate, count: 5}
items: [{key: {PK: "{user_id}"}}]
target: {table: Board, endpoint: embedded, create: {key: {PK: S}}}
"""


def _json_bodies() -> Iterator[tuple[str, bytes]]:
    """Give bodies that are no overrides, and must be refused as fast as good ones are taken."""
    deep = _ROOM // 2
    yield "arrays in arrays", b"[" * deep + b"]" * deep
    yield "objects in objects", b'{"a":' * (_ROOM // 7) + b"1" + b"}" * (_ROOM // 7)
    yield "arrays without an end", b"[" * _ROOM
    yield "a limit of 60,000 digits", b'{"limit": ' + b"9" * (_ROOM - 100) + b"}"
    yield "a limit of 4,301 digits", b'{"limit": ' + b"9" * 4301 + b"}"
    yield "a limit of 30 digits", b'{"limit": ' + b"9" * 30 + b"}"
    yield "a rate with 60,000 digits", b'{"rate": 0.' + b"1" * (_ROOM - 100) + b"e-1}"
    yield "a rate of 1e400", b'{"rate": 1e400}'
    yield "a rate of 1e999999999", b'{"rate": 1e999999999}'
    yield "a rate of 1e-400", b'{"rate": 1e-400}'
    yield "NaN", b'{"rate": NaN}'
    yield "Infinity", b'{"rate": Infinity}'
    yield "-Infinity", b'{"rate": -Infinity}'
    yield "a rate of 0", b'{"rate": 0}'
    yield "a rate below 0", b'{"rate": -1}'
    yield "a limit below 0", b'{"limit": -1}'
    yield "a limit of true", b'{"limit": true}'
    yield "a limit as a text", b'{"limit": "5"}'
    yield "a limit of 1.5", b'{"limit": 1.5}'
    yield "dry_run as a text", b'{"dry_run": "yes"}'
    yield "dry_run of 1", b'{"dry_run": 1}'
    yield "a key twice", b'{"limit": 1, "limit": 1000000}'
    yield "a key twice, once escaped", b'{"dry_run": true, "dry_r\\u0075n": false}'
    yield "5,000 unknown keys", json.dumps({f"k{n}": n for n in range(5000)}).encode()[:_ROOM]
    yield "4,000 whole unknown keys", json.dumps({f"k{n}": 1 for n in range(4000)}).encode()
    yield "__proto__", b'{"__proto__": {"limit": 1}}'
    yield "__class__", b'{"__class__": "os.system", "py/object": "os.system"}'
    yield "an array", b"[1, 2, 3]"
    yield "a text", b'"limit"'
    yield "a number", b"5"
    yield "UTF-16", '{"limit": 1}'.encode("utf-16")
    yield "bytes that are no UTF-8", b'{"limit\xff": 1}'
    yield "half a surrogate pair", b'{"\\ud800": 1}'
    yield "a comma too many", b'{"limit": 1,}'
    yield "two documents", b'{"limit": 1}{"limit": 2}'
    yield "a comment", b'{"limit": 1 /* or 2 */}'
    yield "NUL behind it", b'{"limit": 1}\x00\x00'
    yield "YAML in JSON's clothes", b"limit: 1\ndry_run: yes\n"
    yield "aliases in JSON's clothes", _ALIASES.encode()


def attacks(place: Place) -> Iterator[Attack]:
    """Give some 50 attacks: JSON bodies, and YAML where only JSON may be."""
    for what, body in _json_bodies():
        sent = place.asks("POST", _MIGRATE, [("Content-Type", _JSON)], body)
        yield Attack(FAMILY, what, (sent,))
    for kind in ("application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml"):
        for what, text in (("aliases", _ALIASES), ("a definition", _DEFINITION)):
            sent = place.asks("POST", _MIGRATE, [("Content-Type", kind)], text.encode())
            yield Attack(FAMILY, f"{what} as {kind}", (sent,))
    packed = gzip.compress(b'{"limit": 1}' + b" " * (1 << 22))
    for coding in ("gzip", "deflate", "br", "gzip, gzip", "identity, gzip"):
        headers = [("Content-Type", _JSON), ("Content-Encoding", coding)]
        sent = place.asks("POST", _MIGRATE, headers, packed)
        yield Attack(FAMILY, f"a body as {coding}", (sent,))
    for charset in ("utf-7", "utf-16", "cp037", "zlib_codec", "idna", "\x00"):
        headers = [("Content-Type", f"{_JSON}; charset={charset}")]
        body = "{'limit': 1}".encode("cp037") if charset == "cp037" else b"+AHs-"
        yield Attack(FAMILY, f"charset {charset!r}", (place.asks("POST", _MIGRATE, headers, body),))


def definitions() -> Iterator[tuple[str, bytes]]:
    """
    Give definitions that somebody may drop into the folder of a running service.

    None of them may be loaded, none may stop it from answering, and no other pipeline may suffer.
    """
    yield "aliases", _ALIASES.encode()
    yield "recursive", b"&a [*a]\n"
    yield "deep", b"a: " + b"[" * 3000 + b"]" * 3000 + b"\n"
    yield "deep-blocks", b"".join(b" " * n + b"a:\n" for n in range(2000))
    yield "flat", b"schema: {enum: [" + b"1, " * 350_000 + b"1]}\n"
    yield "python-object", b'source: !!python/object/apply:os.system ["touch owned"]\n'
    yield "twice", _DEFINITION.encode() + b"items: []\n"
    yield "merge", b"x: {<<: {a: 1}}\n"
    yield "two-documents", _DEFINITION.encode() + b"---\n" + _DEFINITION.encode()
    yield "no-utf-8", b"name: \xff\xfe\xfa\n"
    yield "nul", b"name: a\x00b\n"
    yield "empty", b""
    yield "a-list", b"- 1\n- 2\n"
    yield "octal", _DEFINITION.encode() + b"write: {workers: 010}\n"
    yield "sexagesimal", _DEFINITION.encode() + b"write: {workers: 12:30}\n"
    yield "a-word", _DEFINITION.encode() + b"write: {workers: 1e3}\n"
    yield "unknown", _DEFINITION.encode() + b"writes: {workers: 5}\n"
    yield "reference", _DEFINITION.encode() + b'schema: {$ref: "http://127.0.0.1:9/x.json"}\n'
    yield "reference-out", _DEFINITION.encode() + b"schema: {$ref: ../outside/secret.json}\n"
    yield "regular-expression", _DEFINITION.encode() + b'schema: {pattern: "(a+)+(b|"}\n'
