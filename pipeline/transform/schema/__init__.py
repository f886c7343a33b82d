"""
The schema of a record: real JSON Schema, draft 2020-12, compiled once.

`problems` says what is wrong with a schema before a run, `compile_schema` makes the check. No
keyword is ignored: one that the draft does not know is a problem, ``format`` is checked and not
only noted, and a reference that leaves the schema is refused and never fetched.
"""

from __future__ import annotations

from pipeline.transform.schema.problems import problems
from pipeline.transform.schema.record import RecordSchema, compile_schema

__all__ = ["RecordSchema", "compile_schema", "problems"]
