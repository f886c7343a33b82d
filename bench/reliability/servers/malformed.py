"""Answers that lie: status 200, or a stranger's, to requests that were not carried out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.servers import wire
from bench.reliability.servers.exchange import Exchange, Fault, writes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FOREIGN", "HTML", "MALFORMED"]

HTML: Final = b"<html><body>Sign in to the network</body></html>"
_SOUND: Final = b'{"UnprocessedItems":{}}'
_HALF: Final = b'{"ConsumedCapacity":[{"TableName":"Board","CapacityUnits":25.0}],"Unproc'


def _always(body: bytes, status: int = 200, kind: str = "x-amz-json-1.0") -> Fault:
    """Make a fault that answers with *body* whatever it is asked."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(body, status, kind)

    return fault


def _handing_back(make: Callable[[str, list[Any]], Any]) -> Fault:
    """Make a fault that answers with what *make* puts under ``UnprocessedItems``."""

    async def fault(exchange: Exchange) -> None:
        handed_back = make(*writes_of(exchange.body))
        await exchange.answer(json.dumps({"UnprocessedItems": handed_back}).encode())

    return fault


async def _wrong_crc(exchange: Exchange) -> None:
    await exchange.send(wire.answer(200, _SOUND, crc=12345))


async def _gzip_garbage(exchange: Exchange) -> None:
    """Claim a compression that the body does not have."""
    extra = b"Content-Encoding: gzip\r\n"
    await exchange.send(wire.answer(200, b"\x1f\x8bgarbage", extra=extra))


async def _no_http(exchange: Exchange) -> None:
    """Speak another protocol."""
    await exchange.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    exchange.close()


_STRANGER: Final = {"PutRequest": {"Item": {"PK": {"S": "never sent"}}}}

MALFORMED: Final[Mapping[str, Fault]] = {
    "wrong_crc": _wrong_crc,
    "truncated": _always(_HALF),
    "html": _always(HTML, kind="html"),
    "empty": _always(b""),
    "empty_object": _always(b"{}"),
    "null": _always(b"null"),
    "list": _always(b"[]"),
    "no_unprocessed": _always(_HALF.partition(b',"Unp')[0] + b"}"),
    "null_unprocessed": _handing_back(lambda *_: None),
    "foreign_key": _handing_back(lambda table, _: {table: [_STRANGER]}),
    "foreign_key_too": _handing_back(lambda table, writes: {table: [writes[0], _STRANGER]}),
    "foreign_table": _handing_back(lambda _, writes: {"Another": writes[:1]}),
    "handed_back_null": _handing_back(lambda table, _: {table: None}),
    "handed_back_text": _handing_back(lambda table, _: {table: "x"}),
    "handed_back_number": _handing_back(lambda table, _: {table: [3]}),
    "handed_back_nothing": _handing_back(lambda table, _: {table: [{"PutRequest": None}]}),
    "gzip_garbage": _gzip_garbage,
}
"""Answers with status 200 that are none."""

FOREIGN: Final[Mapping[str, Fault]] = {
    "created": _always(_SOUND, 201),
    "accepted_html": _always(HTML, 202, "html"),
    "no_content": _always(b"", 204),
    "partial": _always(b"", 206),
    "bad_request_html": _always(HTML, 400, "html"),
    "forbidden_html": _always(HTML, 403, "html"),
    "not_found": _always(b"not found", 404, "text"),
    "refusal_of_null": _always(b'{"__type":null,"message":null}', 400),
    "refusal_that_is_text": _always(b'"x"', 400),
    "error_null": _always(b"null", 500),
    "error_list": _always(b"[1]", 500),
    "bad_gateway": _always(b"", 502, "text"),
    "unavailable_html": _always(HTML, 503, "html"),
    "gateway_timeout": _always(b"upstream timed out", 504, "text"),
    "no_http": _no_http,
}
"""What a balancer, a portal or another server says in the service's place."""
