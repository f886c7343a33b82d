"""The JSON Schema that stands in a file of its own: ``schema: {$ref: user.schema.json}``."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MAX_BYTES", "read_schema"]

MAX_BYTES: Final = 1024 * 1024
_REMOTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def read_schema(reference: Mapping[str, object], folder: Path) -> dict[str, Any]:
    """
    Return the schema of the file that *reference* (``{"$ref": path}``) names, seen from *folder*.

    Numbers are exact: int or Decimal.

    :raises ValueError: it is not there, or no JSON object; the message says what to do.
    """
    name = str(reference["$ref"])
    if _REMOTE.match(name):
        raise ValueError("a remote schema is never fetched; save it beside the definition")
    if len(reference) > 1:
        raise ValueError("`$ref` to a file stands alone; move the other keys into that file")
    if "#" in name:
        raise ValueError("`#` is not supported here; name a file whose top is the schema")
    try:
        with (folder / name).expanduser().open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise ValueError(f"the schema file cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise ValueError("the schema file is longer than 1 MiB")
    return _parsed(content)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        schema = json.loads(
            content.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct,
        )
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ValueError(f"the schema file is no JSON: {message}") from None
    except UnicodeDecodeError:
        raise ValueError("the schema file is no UTF-8") from None
    except RecursionError:
        raise ValueError("the schema file is nested too deep") from None
    if not isinstance(schema, dict):
        raise ValueError("the schema file is no JSON object")  # noqa: TRY004 - see the docstring
    return schema


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the schema file has the key {key!r} twice in one object")
        members[key] = value
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the schema file holds {name}, which is no JSON")
