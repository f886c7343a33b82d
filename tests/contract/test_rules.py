"""Our offline verdict on an item is the real engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from pipeline.table.rules import Rule
from tests.contract.raw import RawTable
from tests.contract.rules_corpus import CASES, ON_PURPOSE, Case
from tests.contract.rules_tables import ENGINE_TEXTS, RULES, TABLES
from tests.engine.tables import new_access_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="module")
def engine(dynamodb_local: str) -> Iterator[Mapping[str, RawTable]]:
    """Give the corpus's tables on the real engine."""
    access_key = new_access_key()
    tables = {name: RawTable(dynamodb_local, access_key, f"rules-{name}") for name in TABLES}
    for name, table in tables.items():
        table.create(TABLES[name])
    yield tables
    for table in tables.values():
        table.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_is_the_engines(case: Case, engine: Mapping[str, RawTable]) -> None:
    """An item is refused offline exactly if BatchWriteItem refuses it, and for the named rule."""
    violations = RULES[case.table].check(case.item)
    verdict = engine[case.table].batch_put(case.item)
    assert [violation.rule for violation in violations[:1]] == ([case.rule] if case.rule else [])
    assert verdict.accepted == (case.rule is None), verdict
    if case.rule is not None:
        assert verdict.text.startswith(ENGINE_TEXTS[case.rule]), verdict


@pytest.mark.parametrize("case", ON_PURPOSE, ids=lambda case: case.name)
def test_refused_on_purpose(case: Case, engine: Mapping[str, RawTable]) -> None:
    """These, and of the corpus only these, we refuse although the engine takes them."""
    assert [one.rule for one in RULES[case.table].check(case.item)] == [case.rule]
    assert engine[case.table].batch_put(case.item).accepted


@pytest.mark.parametrize(
    ("key", "rule", "text"),
    [
        ({"pk": {"S": "p"}, "sk": {"S": "s"}}, None, ""),
        ({"pk": {"S": "p"}}, "key_missing", "The number of conditions on the keys is invalid"),
        (
            {"pk": {"S": "p"}, "sk": {"S": "s"}, "v": {"S": ""}},
            "key_extra",
            "The number of conditions on the keys is invalid",
        ),
        ({"pk": {"S": "p"}, "sk": {"N": "1"}}, "key_type", ENGINE_TEXTS["key_type"][0]),
        ({"pk": {"S": "p"}, "sk": {"S": ""}}, "key_empty", ENGINE_TEXTS["key_empty"][0]),
        (
            {"pk": {"S": "p"}, "sk": {"S": "x" * 1025}},
            "key_too_long",
            ENGINE_TEXTS["key_too_long"][0],
        ),
    ],
    ids=["good", "missing", "extra", "type", "empty", "long"],
)
def test_verdict_on_a_bare_key(
    key: dict[str, dict[str, str]], rule: str | None, text: str, engine: Mapping[str, RawTable]
) -> None:
    """A delete's key is refused offline exactly if the engine refuses it."""
    table = engine["text"]
    verdict = table.call(
        "BatchWriteItem", {"RequestItems": {table.name: [{"DeleteRequest": {"Key": key}}]}}
    )
    found = [violation.rule for violation in RULES["text"].check_key(key)]
    assert found == ([rule] if rule else [])
    assert verdict.accepted == (rule is None), verdict
    assert verdict.text.startswith(text)


def test_corpus_is_large_and_covers_every_rule() -> None:
    """The corpus has at least 90 different cases and one for each rule that an item can break."""
    assert len({case.name for case in CASES}) == len(CASES) >= 90
    assert {case.rule for case in CASES if case.rule} == set(ENGINE_TEXTS)
    not_of_items = {"key_extra", "type_unsupported"}  # a bare key's, the encoder's
    on_purpose = {"text_surrogate", "name_surrogate"}
    assert set(get_args(Rule)) - set(ENGINE_TEXTS) == not_of_items | on_purpose
