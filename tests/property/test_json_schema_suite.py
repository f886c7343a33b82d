"""
Both engines of the schema against the official test suite.

What of the suite is not as its authors have it, on purpose:

- ``format.json`` takes formats for remarks, which is the standard's default. Here they are checked
  (the standard allows that), so that folder ``optional/format`` is the one that counts.
- References to other documents are refused and never fetched.
- Another dialect in ``$schema`` (custom vocabularies, other drafts) is refused.
- Unknown keywords and unknown formats compile, but are problems of a definition.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from functools import cache
from typing import Any

from pipeline.transform.schema import compile_schema, problems
from pipeline.transform.schema.predicate import compile_predicate
from tests.property.json_schema_suite import draft_folder

_LEAVES = "leads out of the schema"
_DIALECT = "is another dialect"
_KEYWORD = "is no keyword"
_FORMAT = "is no format"
_ROOT = "a record is always an object"

_DELIBERATE_PROBLEMS = Counter({_LEAVES: 21, _DIALECT: 4, _KEYWORD: 4, _FORMAT: 1})
_FORMATS_AS_REMARKS = 19


@cache
def _groups() -> list[tuple[str, dict[str, Any]]]:
    folder = draft_folder()
    return [
        (f"{file.relative_to(folder)}: {group['description']}", group)
        for file in sorted(folder.rglob("*.json"))
        for group in json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    ]


def _problems(schema: Any) -> list[str]:
    found = problems(schema) if isinstance(schema, dict) else []
    return [message for _, message in found if _ROOT not in message]


def _refused_outright(schema: Any) -> bool:
    return any(_LEAVES in message or _DIALECT in message for message in _problems(schema))


def test_the_suite_has_no_other_verdict() -> None:
    """Every verdict of the official suite is ours, but for formats, which are checked."""
    wrong = []
    ran = Counter[str]()
    for name, group in _groups():
        if _refused_outright(group["schema"]):
            ran["refused"] += 1
            continue
        schema = compile_schema(group["schema"])
        for case in group["tests"]:
            ran["cases"] += 1
            if schema.accepts(case["data"]) != case["valid"]:
                wrong.append(f"{name}: {case['description']}")
    remarks = [text for text in wrong if text.startswith("format.json: ")]
    assert [text for text in wrong if text not in remarks] == []
    assert all(text.endswith("is only an annotation by default") for text in remarks)
    assert len(remarks) == _FORMATS_AS_REMARKS
    assert ran["cases"] > 1800
    assert ran["refused"] == 25


def test_each_engine_alone_has_the_suites_verdict() -> None:
    """The straight code never accepts what the suite refuses, and the library needs no help."""
    ran = Counter[str]()
    for name, group in _groups():
        if name.startswith("format.json: ") or _refused_outright(group["schema"]):
            continue
        quick = compile_predicate(group["schema"])
        full = compile_schema(group["schema"])._full
        for case in group["tests"]:
            assert full.is_valid(case["data"]) == case["valid"], f"{name}: {case['description']}"
            if quick is not None:
                ran["compiled"] += 1
                accepted = quick(case["data"])
                ran["accepted"] += accepted
                ran["valid"] += case["valid"]
                assert case["valid"] or not accepted, f"{name}: {case['description']}"
    assert ran["compiled"] > 400
    assert ran["accepted"] > 0.9 * ran["valid"]


def test_the_suites_schemas_have_no_other_problems() -> None:
    """No schema of the suite is called wrong, but for what is refused on purpose."""
    found = Counter[str]()
    for name, group in _groups():
        for message in _problems(group["schema"]):
            kinds = [kind for kind in _DELIBERATE_PROBLEMS if kind in message]
            assert kinds, f"{name}: {message}"
            found[kinds[0]] += 1
    assert found == _DELIBERATE_PROBLEMS
