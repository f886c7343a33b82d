"""What a job's process is told, and what it makes of a definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compose.specs import expected_digest, source_spec
from pipeline.config import load
from pipeline.errors import PreflightError
from pipeline.jobs.processes.overriding import overridden
from pipeline.jobs.processes.spec import Spec, Spooled, parse_spec
from pipeline.sources.base import FileSpec

if TYPE_CHECKING:
    from pipeline.config import Definition

SPEC: dict[str, Any] = {
    "config": "configs/users.yaml",
    "runs": "runs",
    "run": "20261122T100000Z-0a0a0a",
    "engine": None,
    "limit": None,
    "rate": None,
    "dry_run": False,
    "source": None,
}
SOURCE = {"path": "/runs/.serve/spool/u-1", "format": "csv", "compression": "gzip"}
FULL: dict[str, Any] = {
    **SPEC,
    "engine": "http://127.0.0.1:4000",
    "limit": 3,
    "rate": 2.5,
    "dry_run": True,
    "source": SOURCE,
}


def parsed(document: Any) -> Spec:
    """Read *document* as it comes on stdin."""
    return parse_spec(json.dumps(document).encode())


def test_a_spec_is_read_field_by_field() -> None:
    """Every field arrives under its own name."""
    spooled = Spooled(Path("/runs/.serve/spool/u-1"), "csv", "gzip")
    assert parsed(FULL) == Spec(
        Path("configs/users.yaml"),
        Path("runs"),
        "20261122T100000Z-0a0a0a",
        "http://127.0.0.1:4000",
        3,
        2.5,
        dry_run=True,
        source=spooled,
    )


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


@given(name=st.sampled_from([*SPEC, "more"]), value=STRANGE)
def test_a_spec_is_right_or_names_what_is_wrong(name: str, value: Any) -> None:
    """Whatever stands in a field: it has the field's type, or the refusal says which field."""
    try:
        line = json.dumps({**FULL, name: value}, allow_nan=False).encode()
    except ValueError:
        return  # no JSON has it
    try:
        spec = parse_spec(line)
    except ValueError as error:
        told = str(error)
    else:
        assert name != "more"
        _assert_typed(spec)
        told = name
    assert name in told


def _assert_typed(spec: Spec) -> None:
    assert type(spec.limit) in (int, type(None))
    assert type(spec.rate) in (float, type(None))
    assert type(spec.dry_run) is bool
    assert spec.limit is None or spec.limit >= 0
    assert spec.rate is None or spec.rate >= 1


@given(line=st.binary(max_size=40))
def test_noise_is_no_spec(line: bytes) -> None:
    """Refused in one way, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        parse_spec(line)


@pytest.fixture
def definition(tmp_path: Path) -> Definition:
    """Give a definition that says much about how its source is read."""
    text = {
        "source": {
            "type": "file",
            "path": "there",
            "format": "auto",
            "compression": "zstd",
            "coerce": True,
            "max_record": "2KB",
            "csv": {"delimiter": ";", "null_values": ["NA"]},
            "expect": {"sha256": "0" * 64},
        },
        "items": [{"key": {"PK": "{id}"}}],
        "target": {"table": "Users", "create": {"key": {"PK": "S"}}},
        "write": {"rate": {"share": "50%"}},
    }
    path = tmp_path / "users.yaml"
    path.write_text(json.dumps(text))
    return load(path, environment={})


def test_records_of_a_request_are_read_as_the_definition_says(definition: Definition) -> None:
    """Path, format and compression are the upload's, the rest stays; nothing is expected of it."""
    changed = overridden(definition, parsed(FULL))
    found, before = (source_spec(one, Path("/spool")) for one in (changed, definition))
    assert isinstance(found, FileSpec)
    assert isinstance(before, FileSpec)
    assert (found.pattern, found.format, found.compression) == ("u-1", "csv", "gzip")
    assert (found.csv, found.max_record) == (before.csv, before.max_record)
    assert found.csv.delimiter == ";"
    assert changed.source.type == "file"
    assert changed.source.coerce
    assert expected_digest(changed) is None
    assert expected_digest(definition) == "0" * 64


def test_a_request_without_overrides_changes_nothing(definition: Definition) -> None:
    """Limit and dry run are the run's, not the definition's."""
    assert overridden(definition, parsed({**SPEC, "limit": 3, "dry_run": True})) is definition


@pytest.mark.parametrize(
    ("rate", "units"), [(1, 1), (2.9, 2), (500, 500), (1e9, 100_000_000), (1e300, 100_000_000)]
)
def test_a_rate_takes_the_place_of_the_definitions(
    definition: Definition, rate: float, units: int
) -> None:
    """Never more than was asked for, and in units, whatever the definition says."""
    wanted = overridden(definition, parsed({**SPEC, "rate": rate})).write.rate
    assert wanted is not None
    assert (wanted.units, wanted.share) == (units, None)


@pytest.mark.parametrize("source", [{"type": "stdin"}, {"type": "generate", "count": 3}])
def test_any_source_can_be_replaced(tmp_path: Path, source: dict[str, Any]) -> None:
    """Of a definition that has no file nothing is kept; stdin alone needs an upload."""
    document = {
        "source": source,
        "items": [{"key": {"PK": "{id}"}}],
        "target": {"table": "Users"},
    }
    path = tmp_path / "users.yaml"
    path.write_text(json.dumps(document))
    definition = load(path, environment={})
    found = source_spec(overridden(definition, parsed(FULL)), Path("/spool"))
    assert isinstance(found, FileSpec)
    assert found.format == "csv"
    if source["type"] == "stdin":
        with pytest.raises(PreflightError, match="send the records with the request"):
            overridden(definition, parsed(SPEC))
    else:
        assert overridden(definition, parsed(SPEC)) is definition
