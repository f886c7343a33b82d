"""What the fuzzer needs to know that no OpenAPI document can say."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import schemathesis

if TYPE_CHECKING:
    from schemathesis import Case, HookContext

KEY = "Idempotency-Key"
GOOD = re.compile(r"[!-~]{1,240}")

_NUMBERS = itertools.count()


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
    """
    Make a good key a new one.

    The document says that a used key refuses another request; the fuzzer would send one key with
    a hundred requests, and take each of those refusals for a fault.
    """
    key = case.headers.get(KEY)
    if isinstance(key, str) and GOOD.fullmatch(key):
        case.headers[KEY] = f"{key}{next(_NUMBERS)}"


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """Send lines as they are made: any text may be an upload."""
    return value if isinstance(value, bytes) else str(value).encode()
