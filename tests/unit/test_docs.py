"""The documentation says what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

import pipeline
from pipeline.config import definition_schema, load
from pipeline.model import Kind
from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, Start
from pipeline.observe.prometheus import exposition
from pipeline.observe.timeline import Meter
from pipeline.table.aws import codes as answers
from pipeline.table.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def keys(schema: Any) -> Iterator[str]:
    """Yield the name of every key that a definition may have, wherever it stands."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties
        for inside in [*properties.values(), *(schema[key] for key in schema if key != "examples")]:
            yield from keys(inside)
    elif isinstance(schema, list):
        for inside in schema:
            yield from keys(inside)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


DEFINITIONS = [block for block in blocks(README, "yaml") if "source:" in block]


def test_every_key_is_documented() -> None:
    """docs/definition.md has a row for every key that the exported schema has."""
    text = (DOCS / "definition.md").read_text(encoding="utf-8")
    first_cells = " ".join(re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE))
    words = set(re.findall(r"[a-z0-9_]+", first_cells))
    wanted = set(keys(definition_schema()))

    assert len(wanted) > 40
    assert sorted(wanted - words) == []


def test_every_event_is_documented() -> None:
    """A page names whatever stands in a log, so that it can be searched for."""
    pages = ("definition.md", "serve.md")
    text = "".join((DOCS / page).read_text(encoding="utf-8") for page in pages)
    logged = re.compile(r"log\.(?:debug|info|warning|error)\(\s*\"([a-z_.]+)\"")
    events = {
        event
        for path in Path(pipeline.__file__).parent.rglob("*.py")
        for event in logged.findall(path.read_text(encoding="utf-8"))
    }

    assert len(events) > 20
    assert sorted(event for event in events if f"`{event}`" not in text) == []


def test_every_metric_and_field_of_a_sample_is_documented() -> None:
    """docs/watching.md has whatever a dashboard or a script could want to name."""
    text = (DOCS / "watching.md").read_text(encoding="utf-8")
    start = Start(1, 0.0, 0.0, Metrics())
    sample = Meter(start, Goal([]), first=0).look(0.0, 1.0).as_json()
    told = exposition([({}, dict.fromkeys(sample, 1))]).decode()
    names = set(re.findall(r"^(dynamodb_pipeline_\w+)", told, re.MULTILINE)) | set(sample)

    assert len(names) > 30
    assert sorted(name for name in names if not re.search(rf"`{name}[`{{]", text)) == []


@pytest.mark.parametrize("text", DEFINITIONS, ids=range(len(DEFINITIONS)))
def test_definitions_of_the_readme_are_right(text: str, tmp_path: Path) -> None:
    """What is copied from the README loads."""
    path = tmp_path / "copied.yaml"
    path.write_text(text, encoding="utf-8")

    assert load(path, environment={}).target.table


def test_every_rule_is_documented() -> None:
    """docs/errors.md has each kind of refusal, each offline rule, each code of the service."""
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    codes = (*answers.TRANSIENT, *answers.ISOLATE, *answers.THROTTLED, *answers.DENIED)
    written = text.replace("(Exception)", "Exception") + text.replace("(Exception)", "")
    wanted = {f"`{word}`" for word in (*get_args(Kind), *get_args(Rule))}
    wanted |= {f"`{code}`" for code in codes if not code.isdigit()} - {"`RequestEntityTooLarge`"}

    assert sorted(word for word in wanted if word not in written) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there, and a heading that it has."""
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = page if not path else (page.parent / path)
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [
                re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in headings
            ]
            assert anchor in slugs, link
