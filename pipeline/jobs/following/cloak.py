"""What is not for whoever watches a job: this machine's paths, and advice for the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.jobs.texts import ADVICE, upload_name

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs.model import Job, Settings

__all__ = ["Cloak"]


class Cloak:
    """
    Make paths in JSON text short: they begin at the runs folder, or at that of the definitions.

    The file of an upload goes by the name ``upload``, one of the source at *place* by its name.
    """

    def __init__(self, settings: Settings, job: Job, place: Path | None = None) -> None:
        replaced: list[tuple[str, str]] = [*ADVICE]
        if job.upload is not None:
            path, name = job.upload.path, upload_name(job.upload)
            replaced += [(str(path), name), (path.name, name)]
        folders = {settings.runs, settings.folder, *([] if place is None else [place])}
        for folder in sorted(folders, key=lambda one: len(str(one)), reverse=True):
            replaced += _roots(folder)
        self._replaced = [
            (text, instead.encode())
            for one, instead in replaced
            for text in {_encoded(one, ascii_only=True), _encoded(one, ascii_only=False)}
        ]

    def __call__(self, text: bytes) -> bytes:
        """Return JSON *text* that names less."""
        for long, short in self._replaced:
            text = text.replace(long, short)
        return text


def _roots(folder: Path) -> list[tuple[str, str]]:
    if not folder.is_absolute() or folder.parent == folder:
        return []
    return [(f"{folder}/", "")]


def _encoded(text: str, *, ascii_only: bool) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
