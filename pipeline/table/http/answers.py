"""Answers: what DynamoDB's JSON protocol says, whichever transport brought it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.errors import TransientError
from pipeline.table.aws.faults import asks_to_wait, translate_answer
from pipeline.table.aws.scrub import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.errors import PipelineError
    from pipeline.table.http.response import Response
    from pipeline.table.http.signing import Keys

__all__ = ["ambiguous", "code_of", "fault_of", "read_error", "read_object"]

_TOO_LARGE: Final = 413


def ambiguous(text: str) -> TransientError:
    """Make the error for a 200 that does not say, or not believably, what was done."""
    return TransientError(f"a 200 that {text}", code="ambiguous")


def read_object(response: Response) -> dict[str, Any]:
    """
    Return the object that a 200 has for its body.

    Raise `TransientError` where the body is not the one that was sent (CRC32), encoded, or no JSON
    object. Of a name that comes twice the parser keeps the last value.
    """
    headers, body = response.headers, response.body
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and checksum.strip() != str(zlib.crc32(body)):
        raise ambiguous("does not match its CRC32")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ambiguous("says that it is encoded, which was not asked for")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ambiguous("is no JSON") from None
    if not isinstance(answer, dict):
        raise ambiguous("is no JSON object")
    return answer


def read_error(status: int, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Return what counts of an error: ``__type``, ``message``, ``ThrottlingReasons``, all of them.

    Raise `TransientError` for one that DynamoDB did not write: a proxy, a portal, a balancer. Its
    own errors are JSON objects with a ``__type``, but for 413, whose body has none.
    """
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        error = None
    kind = error.get("__type") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(kind, str) or not kind.rpartition("#")[2]:
        if status == _TOO_LARGE:
            return {"__type": str(status), "message": "", "ThrottlingReasons": []}
        text = f"HTTP {status} that is no answer of DynamoDB"
        raise TransientError(text, code=str(status), after=asks_to_wait(headers))
    message = error.get("message") or error.get("Message")
    listed = error.get("ThrottlingReasons")
    reasons = [
        {name: text for name, text in one.items() if isinstance(text, str)}
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return {
        "__type": kind,
        "message": message if isinstance(message, str) else "",
        "ThrottlingReasons": reasons,
    }


def code_of(kind: str) -> str:
    """Return the error code of a ``__type``: without what stands before ``#`` and after ``:``."""
    return kind.partition(":")[0].rpartition("#")[2]


def fault_of(
    response: Response, keys: Keys, wires: Sequence[bytes] = (), trouble: str = ""
) -> PipelineError:
    """
    Return what to raise for an answer that is no 200, to the writes *wires* that *keys* signed.

    No credential is in its text, nor a value of the writes. *trouble* is said with it: why there
    are no better credentials.
    """
    status, headers = response.status, response.headers
    try:
        error = read_error(status, response.body, headers)
    except TransientError as fault:
        return fault
    message = redact(error["message"], (keys.secret_key, keys.token, keys.access_key))
    if trouble:
        message = f"{message}; {trouble}"
    error["ResponseMetadata"] = {"HTTPHeaders": headers}
    return translate_answer(status, code_of(error["__type"]), message, error, wires)
