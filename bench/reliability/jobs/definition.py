"""The definition of a job that loads a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.reliability.running import Job
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from pathlib import Path

    from bench.reliability.jobs.corpus import Corpus

__all__ = ["SCHEMA", "corpus_job"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["n", "text"],
    "properties": {
        "id": {"type": ["string", "null"]},
        "n": {"type": "integer", "minimum": 0},
        "text": {"type": "string"},
    },
}


def corpus_job(
    folder: Path, corpus: Corpus, endpoint: str, access_key: str, **sections: Any
) -> Job:
    """
    Give a job in *folder* that loads *corpus* to *endpoint*, under the name ``job``.

    *sections* are added to the definition or replace what stands there.
    """
    definition = {
        "name": "job",
        "source": {"type": "file", "path": str(corpus.path)},
        "schema": SCHEMA,
        "items": [{"key": {"PK": "{id}"}, "omit": ["id"]}],
        "target": table_definition(endpoint),
        **sections,
    }
    return Job(folder, definition, access_key)
