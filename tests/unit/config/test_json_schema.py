"""The JSON Schema for editors, and the definitions that the project ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from pipeline.config import definition_schema, load
from pipeline.config.document.compose import compose
from pipeline.config.document.scalars import construct
from pipeline.config.problems import Problems
from tests.unit.config.conftest import START
from tests.unit.config.test_definition import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.document.scalars import Plain
    from tests.unit.config.conftest import Refuse

CONFIGS = Path(__file__).parents[3] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))


def as_editors_see(text: str) -> Plain:
    root = compose(text, Problems())
    assert root is not None
    return construct(root, Problems())


def test_exported_file_is_current() -> None:
    """configs/pipeline.schema.json is what `python -m pipeline schema` prints."""
    exported = (CONFIGS / "pipeline.schema.json").read_text(encoding="utf-8")

    assert json.loads(exported) == definition_schema(), (
        "run: python -m pipeline schema > configs/pipeline.schema.json"
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_definitions(path: Path) -> None:
    """Every definition that is shipped loads as it is, and editors find nothing wrong with it."""
    assert load(path, environment={}).name == path.stem

    jsonschema_rs.Draft202012Validator(definition_schema()).validate(
        as_editors_see(path.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        START,
        f"{START}write:\n  workers: ${{WORKERS:-5}}\n  linger: ${{LINGER}}\n  mode: ${{MODE}}\n",
        f"{START}errors:\n  dead_letter: ${{DEAD}}\n  max_rejected: ${{MAX}}\n",
        f"{START}errors: {{max_rejected: 5}}\nwrite: {{linger: 0}}\n",
    ],
)
def test_accepted_by_editors(text: str) -> None:
    """Units, numbers as text and variables that are not filled in yet are no mistakes."""
    jsonschema_rs.Draft202012Validator(definition_schema()).validate(as_editors_see(text))


@pytest.mark.parametrize(
    "text",
    [
        f"{START}nme: a",
        f"{START}write: {{workrs: 5}}",
        f"{START}write: {{workers: many}}",
        f"{START}write: {{workers: 300}}",
        f"{START}write: {{linger: 50}}",
        f"{START}write: {{mode: insert}}",
        f"{START}errors: {{max_rejected: 5 percent}}",
        f"{START}items: []",
        f"{START}items: [{{set: {{a: {{form: b}}}}}}]",
        f"{START}items: [{{set: {{a: [1]}}}}]",
        f"{START}checkpoint: {{enabled: maybe}}",
        "source: {type: s3, path: a}\ntarget: {table: Users}",
        "source: {type: stdin, count: 5}\ntarget: {table: Users}",
        "source: {type: stdin}\ntarget: {}",
    ],
)
def test_refused_by_editors(refused: Refuse, text: str) -> None:
    """What an editor marks is a mistake for the loader too."""
    judge = jsonschema_rs.Draft202012Validator(definition_schema())

    assert not judge.is_valid(as_editors_see(text))
    assert refused(text)


def test_every_field_is_described() -> None:
    """Completion in an editor says what each key is for."""
    missing = [path for path, schema in properties(definition_schema()) if not said(schema)]

    assert missing == []


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, list):
        for entry in schema:
            yield from properties(entry, path)
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key == "properties":
            yield from ((f"{path}.{name}", inside) for name, inside in value.items())
        if key not in ("default", "examples", "enum", "required"):
            yield from properties(value, f"{path}.{key}")


def said(schema: dict[str, Any]) -> bool:
    return "$ref" in schema or bool(schema.get("description"))  # a part has its own
