"""Our program as its users start it: a definition, a command, an endpoint."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from bench.throughput.running import Load

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DEFINITION", "our_load"]

DEFINITION = """\
name: users
source: {type: file, path: %s}
schema:
  type: object
  required: [user_id, email, name]
  properties:
    user_id: {type: string, minLength: 1}
    email: {type: string, pattern: "^[^@ ]+@[^@ ]+$"}
    name: {type: string, minLength: 1}
    age: {type: integer, minimum: 0, maximum: 150}
    country: {type: string, minLength: 2, maxLength: 2}
    balance: {type: number}
    active: {type: boolean}
    tags: {type: array, items: {type: string}}
    address: {type: object, properties: {city: {type: string}, zip: {type: string}}}
    signup_at: {type: string}
items:
  - key: {PK: "USER#{user_id}", SK: PROFILE}
    set: {entity: User}
target: {table: Users, region: us-east-1, endpoint: "${THROUGHPUT_ENDPOINT}", transport: %s}
write: {workers: %s}
queues: {memory: %s}
"""
"""A schema check, a key made of a template, an attribute added: what a load usually does."""


def our_load(
    folder: Path,
    source: Path,
    records: int,
    *,
    workers: str = "5",
    transport: str = "auto",
    memory: str = "32MiB",
) -> Load:
    """Write a definition for *source* into *folder* and return its load, which runs elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    definition = folder / f"{source.name}-{workers}-{transport}-{memory}.yaml"
    text = DEFINITION % (json.dumps(str(source)), transport, workers, memory)
    definition.write_text(text, encoding="utf-8")
    return Load("us", [sys.executable, "-m", "pipeline", "run", str(definition), "--json"], records)
