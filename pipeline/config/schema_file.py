"""The JSON Schema that stands in a file of its own: ``schema: {$ref: user.schema.json}``."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any, Final

from pipeline.config.document.scalars import number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "read_schema"]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 50_000
_TOO_DEEP: Final = f"the schema file is nested deeper than {MAX_DEPTH} levels"
_TOO_MANY: Final = f"the schema file has more than {MAX_VALUES:,} values"
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
        content = _content((folder / name).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise ValueError(f"the schema file cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise ValueError("the schema file is longer than 1 MiB")
    schema = _parsed(content)
    _check_limits(schema)
    return schema


def _content(path: Path) -> bytes:
    """Read no more than is needed to tell that it is too much; never wait for somebody to write."""
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read(MAX_BYTES + 1)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _check_limits(schema: dict[str, Any]) -> None:
    """Refuse what would take long to compile, before anything looks into it."""
    layer: list[Any] = [schema]
    values = 0
    for _ in range(MAX_DEPTH):
        held = [one.values() if isinstance(one, dict) else one for one in layer]
        values += sum(map(len, held))
        if values > MAX_VALUES:
            raise ValueError(_TOO_MANY)
        layer = [value for inner in held for value in inner if isinstance(value, dict | list)]
        if not layer:
            return
    raise ValueError(_TOO_DEEP)


def _parsed(content: bytes) -> dict[str, Any]:
    reader = _Reader()
    try:
        schema = json.loads(
            content.decode("utf-8-sig"),
            parse_float=reader.number,
            parse_int=reader.number,
            parse_constant=_refuse_constant,
            object_pairs_hook=reader.members,
        )
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ValueError(f"the schema file is no JSON: {message}") from None
    except UnicodeDecodeError:
        raise ValueError("the schema file is no UTF-8") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if not isinstance(schema, dict):
        raise ValueError("the schema file is no JSON object")  # noqa: TRY004 - see the docstring
    return schema


class _Reader:
    """What the JSON parser asks for, and when it is enough."""

    def __init__(self) -> None:
        self._values = 0

    def number(self, text: str) -> int | Decimal:
        self._count(1)
        try:
            return number(text)
        except ValueError as error:
            raise ValueError(f"the schema file holds {error}") from None

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._count(len(pairs))
        members: dict[str, Any] = {}
        for key, value in pairs:
            if key in members:
                raise ValueError(f"the schema file has the key {key!r} twice in one object")
            members[key] = value
        return members

    def _count(self, values: int) -> None:
        # A number that is a member counts twice: a bound on the work, not an account.
        self._values += values
        if self._values > 2 * MAX_VALUES:
            raise ValueError(_TOO_MANY)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the schema file holds {name}, which is no JSON")
