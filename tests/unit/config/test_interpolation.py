"""Environment variables in values, and single values from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.config.conftest import START

if TYPE_CHECKING:
    from tests.unit.config.conftest import Load, Refuse


def constant(load_text: Load, text: str, **environment: str) -> object:
    definition = load_text(f"{START}schema:\n  const: {text}\n", **environment)
    return definition.record_schema["const"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${SET}", "value"),
        ("a${SET}b${SET}", "avaluebvalue"),
        ("${SET:-other}", "value"),
        ("${UNSET:-other}", "other"),
        ("${UNSET-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ('"${EMPTY-other}"', ""),
        ("${EMPTY-other}", None),
        ("${UNSET:-}", None),
        ("${SET:?why}", "value"),
        ('"${EMPTY?why}"', ""),
        ("${NUMBER}", 5),
        ('"${NUMBER}"', "5"),
        ("${UNSET:-5}", 5),
        ("${NUMBER}${NUMBER}", 55),
        ("$${SET}", "${SET}"),
        ("a$$b", "a$b"),
        ("^[0-9]+$", "^[0-9]+$"),
        ("$SET", "$SET"),
        ("${YAML}", "a: b\n- c"),
        ("${REFERENCE}", "${SET}"),
    ],
)
def test_values(load_text: Load, text: str, value: object) -> None:
    """As in Docker Compose; an unquoted value is resolved anew, none becomes more YAML."""
    found = constant(
        load_text,
        text,
        SET="value",
        EMPTY="",
        NUMBER="5",
        YAML="a: b\n- c",
        REFERENCE="${SET}",
    )

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET}", "environment variable UNSET is not set; set it, or write `${UNSET:-default}`"),
        ("${UNSET:?say why}", "environment variable UNSET is not set: say why"),
        ("${UNSET?say why}", "environment variable UNSET is not set: say why"),
        ("${EMPTY:?say why}", "environment variable EMPTY is empty: say why"),
        ("${UNSET:?}", "environment variable UNSET is not set: it is required"),
        ("${}", "not a variable: write `${NAME}`"),
        ("${1A}", "not a variable"),
        ("${A:+b}", "not a variable"),
        ("'${SET'", "`${` is never closed"),
        ("${UNSET:-${SET}}", "the default of `${UNSET...}` has a brace in it"),
    ],
)
def test_refused(refused: Refuse, text: str, message: str) -> None:
    """A variable without a value, or that is none, is told at its place, once."""
    found = refused(f"{START}write:\n  workers: {text}\n", EMPTY="")

    assert found.startswith(f"pipeline.yaml:4:12: write.workers: {message}")
    assert "problems in" not in found


def test_keys_are_left_alone(refused: Refuse) -> None:
    """A variable stands for a value, never for a key."""
    assert "${KEY}: unknown key" in refused(f"{START}${{KEY}}: a\n", KEY="name")


@pytest.mark.parametrize(
    "text",
    [
        "write:\n  workers: ${SECRET}",
        "log:\n  level: ${SECRET}",
        "write:\n  linger: ${SECRET}",
        "errors:\n  max_rejected: ${SECRET}",
        "schema:\n  type: ${SECRET}",
        "schema:\n  pattern: '(${SECRET}'",
        "schema:\n  $ref: ${SECRET}.json",
        "schema:\n  $ref: '#/${SECRET}'",
        "items:\n  - key:\n      PK: '{${SECRET}'",
        "items:\n  - key:\n      PK: '{${SECRET}}}'",
        "items:\n  - set:\n      a: '{ }${SECRET}'",
        "items:\n  - set:\n      a: {from: '', type: '${SECRET}'}",
        "name: ${SECRET}!",
        "queues:\n  - ${SECRET}",
    ],
)
def test_values_are_never_shown(refused: Refuse, text: str) -> None:
    """What an environment variable holds is in no message, whatever is wrong with it."""
    assert "hunter2" not in refused(f"{START}{text}\n", SECRET="hunter2")


def test_table_from_a_variable_is_not_shown(refused: Refuse) -> None:
    """As above, in the part that every definition has."""
    text = 'source: {type: "${SECRET}"}\ntarget: {table: "${SECRET}!", endpoint: "${SECRET}"}'

    assert "hunter2" not in refused(text, SECRET="hunter2")


def test_overrides(load_text: Load) -> None:
    """--set changes single values, makes the maps on the way, and the last one wins."""
    definition = load_text(
        f"{START}write:\n  linger: 1s\nqueues:\nitems:\n- optional: ${{NEVER_SET}}\n",
        "write.workers=9",
        "write.workers=10",
        "write.retry.attempts=3",
        "queues.capacity=4",
        "items.0.optional=true",
        'items.0.key.PK="{user_id}"',
        "items.0.omit=[a, 'b']",
        "target.create={key: {PK: S}, if_missing: true}",
        "name=old",
        "name=new",
        "errors.max_rejected=",
    )

    assert (definition.write.workers, definition.write.linger) == (10, 1.0)
    assert definition.write.retry.attempts == 3
    assert definition.queues.capacity == 4
    assert definition.items[0].optional is True
    assert definition.items[0].key == {"PK": "{user_id}"}
    assert definition.items[0].omit == ("a", "b")
    assert definition.target.create is not None
    assert definition.name == "new"


def test_overrides_hold_no_variables(load_text: Load) -> None:
    """The shell has filled in what stands behind --set; a `$` that is left is meant."""
    assert load_text(START, "schema.const=${SET}", SET="a").record_schema["const"] == "${SET}"


def test_values_are_not_hinted_at(refused: Refuse) -> None:
    """The nearest valid name would tell what a variable nearly holds."""
    assert "did you mean" not in refused(f"{START}log:\n  level: ${{LEVEL}}\n", LEVEL="warn")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("write.workrs=10", "write.workrs: unknown key; did you mean `workers`?"),
        ("wriet.workers=10", "wriet: unknown key; did you mean `write`?"),
        ("write.workers=many", "write.workers: expected a whole number"),
        ("write.workers", "write it as --set write.workers=10"),
        ("=5", "write it as --set write.workers=10"),
        ("write..workers=5", "write it as --set write.workers=10"),
        ("items.1.optional=true", "`1` is no index of that list: it goes from 0 to 0"),
        ("items.x.optional=true", "`x` is no index of that list"),
        ("target.table.name=x", "`name` cannot be set inside of a single value"),
        ("items.0.omit=[a", "YAML syntax: did not find expected ',' or ']'"),
        ("items.0.omit=[*a]", "aliases (`*name`) are refused; repeat it"),
    ],
)
def test_wrong_overrides(refused: Refuse, setting: str, message: str) -> None:
    """A mistake of the command line is shown as it was written there."""
    assert refused(f"{START}items: [{{}}]\n", setting).startswith(f"--set {setting}: {message}")


def test_overrides_come_last(refused: Refuse) -> None:
    """The problems of the file come first, by line; those of --set follow."""
    found = refused(f"{START}nme: a\n", "write.workers=0").splitlines()

    assert found[0].startswith("pipeline.yaml:3:1: nme: unknown key")
    assert found[-2:] == [
        "--set write.workers=0: write.workers: expected at least 1",
        "2 problems in pipeline.yaml",
    ]
