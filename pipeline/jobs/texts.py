"""Texts of others, before they are shown to whoever asks: no credentials, no paths, bounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.jobs.model import Upload

__all__ = ["ADVICE", "LONGEST", "shown", "upload_name"]

LONGEST: Final = 4_096
"""Characters of a text that are kept."""

_GONE: Final = "…"
_SECRETS: Final = (
    (re.compile(r"(://[^/@\s:]*:)[^/@\s]+@"), rf"\1{_GONE}@"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{8,}\b"), _GONE),
    (
        re.compile(
            r"(?i)((?:x-amz-)?security-token|signature|secret[-_ ]?(?:access[-_ ]?)?key|"
            r"authorization|password|session[-_ ]?token)(\"?'?\s*[=:]\s*)"
            r"(?:bearer\s+|AWS4-HMAC-SHA256\s+)?[^\s,&;]+"
        ),
        rf"\1\2{_GONE}",
    ),
)

_PLACE: Final = re.compile(r"(?m)(^ +|: )/(?:.*/)?([^/\n]+/[^/\n]+:\d+ in )")
"""A line of a traceback: of the file its name and its folder's tell enough."""

ADVICE: Final = (
    ("raise that and run again to go on", "raise that and resume"),
    ("start over with --fresh", "start another job"),
    ("run the same command again to go on", "resume goes on with it"),
    ("and run again to go on", "and resume"),
    ("then run again", "then resume"),
    ("and run again", "and resume"),
    ("; run again when", "; resume when"),
)
"""What the command line says to do, and what there is to do about a job."""


def upload_name(upload: Upload) -> str:
    """Return the name under which an upload's file is shown."""
    return f"upload{''.join(upload.path.suffixes)}"


def shown(text: str, folders: Iterable[Path] = ()) -> str:
    """
    Return *text* as it may be shown: paths below one of *folders* begin there.

    Places in a traceback lose their way there, and advice for the command line is one for a job.
    Line ends stay; what acts on a terminal is escaped; at most `LONGEST` characters are kept.
    """
    for folder in sorted((str(one) for one in folders), key=len, reverse=True):
        if folder not in {"", ".", "/"}:
            text = text.replace(f"{folder}/", "").replace(folder, ".")
    for command, instead in ADVICE:
        text = text.replace(command, instead)
    text = _PLACE.sub(r"\1\2", text)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    text = printable(text.strip(), lines=True)
    return text if len(text) <= LONGEST else text[:LONGEST] + _GONE
