"""Bodies: overrides in JSON, records on their way to the spool, nothing else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pipeline.api.limits import LARGEST_BODY
from pipeline.api.problems import Problem
from pipeline.api.schema.models import Migrate
from pipeline.api.schema.validation import told
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from pipeline.jobs.model import Compression, Format

__all__ = ["Form", "form_of", "is_small", "read_overrides", "read_small", "require_room"]

_JSON: Final = "application/json"
_RECORDS: Final[Mapping[str, Format]] = {"application/x-ndjson": "jsonl", "text/csv": "csv"}
_CODINGS: Final[Mapping[str, Compression]] = {
    "": "none",
    "identity": "none",
    "gzip": "gzip",
    "x-gzip": "gzip",
}
_TYPE: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z/-]+)\s*(;.*)?", re.DOTALL)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)\"?", re.IGNORECASE)
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a body says it is: *records* of a format, *overrides* in JSON, or neither: nothing."""

    overrides: bool = False
    records: Format | None = None
    compression: Compression = "none"


def form_of(request: Request) -> Form:
    """Read the headers of a body, and refuse what is not taken here."""
    types = request.headers.getlist("content-type")
    if not _has_body(request) and (not types or _kind(types) not in _RECORDS):
        return Form()  # `curl -d ''` says it is a form
    kind = _kind(types)
    if kind != _JSON and kind not in _RECORDS:
        shown = repr(types[0][:100]) if types else "a body without Content-Type"
        raise Problem(
            "unsupported-media-type",
            f"{shown} is not taken; send no body, overrides as {_JSON}, or records in UTF-8 as "
            f"{' or '.join(_RECORDS)} (with curl: -H 'Content-Type: {_JSON}')",
            headers={"Accept-Post": ", ".join((_JSON, *_RECORDS))},
        )
    coding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    compression = _CODINGS.get(coding)
    if compression is None or (kind == _JSON and compression != "none"):
        taken = "identity" if kind == _JSON else "gzip, identity"
        raise Problem(
            "unsupported-media-type",
            f"the Content-Encoding {coding[:40]!r} is not taken for {kind}; what is: {taken}",
            headers={"Accept-Encoding": taken},
        )
    return Form(kind == _JSON, _RECORDS.get(kind), compression)


def _kind(types: list[str]) -> str:
    """Return the media type in lower case; empty if it is none, twice there, or not UTF-8."""
    found = _TYPE.fullmatch(types[0]) if len(types) == 1 else None
    if found is None:
        return ""
    charset = _CHARSET.search(found[2] or "")
    return found[1].lower() if charset is None or charset[1].lower() in _UTF8 else ""


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or _length(request) != 0


def _length(request: Request) -> int | None:
    """Return the body's length if it says so; h11 has refused what is no number."""
    if "transfer-encoding" in request.headers:
        return None
    return int(request.headers.get("content-length", "0"))


def is_small(request: Request) -> bool:
    """Tell whether the body says that it is no longer than any other may be."""
    length = _length(request)
    return length is not None and length <= LARGEST_BODY


def require_room(request: Request, most: int) -> None:
    """Refuse a body that says it is larger than *most*, before any of it is taken."""
    length = _length(request)
    if length is not None and length > most:
        raise Problem("too-large", f"the body has {length:,} bytes; at most {most:,} are taken")


async def read_small(request: Request) -> bytes:
    """Read a body that is no upload."""
    require_room(request, LARGEST_BODY)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise Problem("too-large", f"more than {LARGEST_BODY:,} bytes, which is no upload's")
    return bytes(body)


async def read_overrides(request: Request) -> Migrate:
    """Read overrides from a JSON body; an empty one is none."""
    text = await read_small(request)
    if not text.strip():
        return Migrate()
    try:
        overrides = Migrate.model_validate_json(text)
    except ValidationError as error:
        found = told(error.errors(include_url=False, include_context=True, include_input=False))
        raise _not_overrides(found) from None
    # It is one flat object now. Which of two values is meant, two readers may see otherwise.
    names = [name for name, _ in json.loads(text, object_pairs_hook=list)]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise _not_overrides([(name, "is there twice") for name in sorted(twice)])
    return overrides


def _not_overrides(found: list[tuple[str, str]]) -> Problem:
    told_first = "; ".join(f"{where}: {message}" for where, message in found[:3])
    example = '{"limit": 1000, "dry_run": true}'
    detail = f"the body is not what is taken here ({told_first}); an example: {example}"
    return Problem("invalid-request", detail, found[:20])
