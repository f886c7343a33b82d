"""What a right definition becomes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config import load
from pipeline.config.model.items import Constant, FromField
from pipeline.config.model.source import FileSource, GenerateSource, StdinSource
from tests.unit.config.conftest import START

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.config.conftest import Load

FULL = r"""
name: users-1
source:
  type: file
  path: ../data/users.jsonl.gz
  format: csv
  compression: gzip
  csv: {delimiter: "\t", null_values: ["", NA, null, -999, 007, 1e3, TRUE]}
  coerce: true
  max_record: 1MiB
  expect: {records: 10, sha256: 12E4567890123456789012345678901234567890123456789012345678901234}
schema:
  type: object
  required: [user_id]
  properties:
    user_id: {type: string, pattern: "^[a-z]+$"}
    balance: {type: number, maximum: 1.10}
items:
  - key: {PK: "USER#{user_id}", SK: 0}
    set:
      entity: User
      version: 1.10
      live: true
      nothing: null
      roles: {from: roles, type: SS}
      expires: {from: meta.expires_at, as: epoch, required: true}
      labels: {value: {a: ["{x}", 1]}}
    omit: [password, 1]
  - key: {PK: "EMAIL#{email:-none}", SK: "USER#{user_id}"}
    only: [user_id]
    optional: true
target:
  table: Users.v1
  region: eu-central-1
  endpoint: embedded
  embedded: {path: x.db, wcu: 500, partition_wcu: 10, latency: 10ms, unprocessed: 5%, seed: 3}
  create:
    key: {PK: S, SK: S}
    billing: provisioned
    wcu: 10
    rcu: 5
    if_missing: true
    indexes:
      - {name: by-email, key: {email: S}, projection: [name, age], wcu: 3}
      - {name: by-age, key: {PK: S, age: N}, type: local, projection: keys_only}
    ttl: expires
write:
  mode: put
  workers: 10
  batch_size: 5
  linger: 1.5s
  timeout: 1500ms
  retry: {attempts: 3, base_delay: 10ms, max_delay: 1m, max_outage: 0}
queues: {capacity: 2, memory: 64MiB, chunk: 10}
errors: {dead_letter: false, max_rejected: 0.5%}
checkpoint: {enabled: false, every: 0}
log: {level: debug, hash_keys: true}
"""

FROM_ROLES: Any = {"from": "roles", "type": "SS"}
DIGITS = "789012345678901234567890123456789012345678901234"


def test_defaults(load_text: Load) -> None:
    """The shortest definition has the defaults of the handbook, and its file's name."""
    definition = load_text(START)

    assert definition.name == "pipeline"
    assert isinstance(definition.source, StdinSource)
    assert (definition.source.format, definition.source.compression) == ("auto", "auto")
    assert definition.source.max_record == 4 * 1024 * 1024
    assert definition.source.csv.null_values == ("",)
    assert definition.record_schema == {}
    assert [item.key for item in definition.items] == [{}]
    assert (definition.target.endpoint, definition.target.region) == (None, None)
    write = definition.write
    assert (write.mode, write.workers, write.batch_size, write.linger) == ("put", 5, 25, 0.05)
    assert (write.retry.attempts, write.retry.base_delay) == (8, 0.05)
    assert (write.retry.max_delay, write.retry.max_outage) == (20.0, 900.0)
    assert (definition.queues.capacity, definition.queues.memory) == (8, 32_000_000)
    assert (definition.errors.dead_letter, definition.errors.max_rejected) == (True, None)
    assert (definition.checkpoint.enabled, definition.checkpoint.every) == (True, 5.0)
    assert definition.source.expect is None
    assert (definition.write.timeout, definition.queues.chunk) == (60.0, 1_000)
    assert (definition.log.level, definition.log.hash_keys) == ("info", False)


def test_all_fields(load_text: Load, tmp_path: Path) -> None:
    """Every field is read, with its unit, exactly."""
    definition = load_text(FULL)

    source = definition.source
    assert isinstance(source, FileSource)
    assert source.path.text == "../data/users.jsonl.gz"
    assert source.path.resolved == tmp_path / "../data/users.jsonl.gz"
    assert source.csv.delimiter == "\t"
    assert source.csv.null_values == ("", "NA", "null", "-999", "007", "1e3", "TRUE")
    assert source.max_record == 1_048_576
    assert source.expect is not None
    assert (source.expect.records, source.expect.sha256) == (10, "12e4567890123456" + DIGITS)
    assert definition.record_schema["properties"]["balance"]["maximum"] == Decimal("1.10")
    assert definition.record_schema["properties"]["user_id"]["pattern"] == "^[a-z]+$"
    profile, email = definition.items
    assert profile.key == {"PK": "USER#{user_id}", "SK": "0"}
    assert profile.set["entity"] == "User"
    assert str(profile.set["version"]) == "1.10"
    assert (profile.set["live"], profile.set["nothing"]) == (True, None)
    assert profile.set["roles"] == FromField(**FROM_ROLES)
    expires = profile.set["expires"]
    assert isinstance(expires, FromField)
    assert (expires.field, expires.convert, expires.required) == ("meta.expires_at", "epoch", True)
    assert profile.set["labels"] == Constant(value={"a": ["{x}", 1]})
    assert (profile.omit, profile.only, profile.optional) == (("password", "1"), None, False)
    assert (email.only, email.optional) == (("user_id",), True)
    assert definition.errors.max_rejected == Decimal("0.005")
    assert (definition.checkpoint.enabled, definition.checkpoint.every) == (False, 0.0)
    assert (definition.write.timeout, definition.queues.chunk) == (1.5, 10)
    assert definition.log.hash_keys is True


def test_target(load_text: Load, tmp_path: Path) -> None:
    """The table, its indexes and the engine's settings are read in their order."""
    target = load_text(FULL).target

    assert target.region == "eu-central-1"
    assert target.embedded is not None
    assert target.embedded.path is not None
    assert target.embedded.path.resolved == tmp_path / "x.db"
    assert (target.embedded.latency, target.embedded.unprocessed) == (0.01, Decimal("0.05"))
    create = target.create
    assert create is not None
    assert list(create.key.items()) == [("PK", "S"), ("SK", "S")]
    assert (create.billing, create.wcu, create.rcu, create.ttl) == ("provisioned", 10, 5, "expires")
    email, age = create.indexes
    assert (email.type, email.projection, email.wcu, email.rcu) == (
        "global",
        ("name", "age"),
        3,
        None,
    )
    assert (age.type, age.projection, list(age.key)) == ("local", "keys_only", ["PK", "age"])


def test_generate(load_text: Load) -> None:
    """A generated source has a count and a seed."""
    definition = load_text("source: {type: generate, count: 10}\ntarget: {table: Users}")

    assert definition.source == GenerateSource(type="generate", count=10)
    assert isinstance(definition.source, GenerateSource)
    assert (definition.source.kind, definition.source.seed) == ("users", 0)


@pytest.mark.parametrize("endpoint", ["embedded", "http://localhost:8000", "https://[::1]:1/x"])
def test_region_of_a_local_endpoint(load_text: Load, endpoint: str) -> None:
    """An endpoint of one's own needs no region; AWS takes it from its own configuration."""
    text = f'source: {{type: stdin}}\ntarget: {{table: Users, endpoint: "{endpoint}"}}'

    assert load_text(text).target.region == "us-east-1"


def test_frozen(load_text: Load) -> None:
    """A definition cannot be changed once it is loaded."""
    definition = load_text(START)

    with pytest.raises(AttributeError, match="frozen"):
        definition.write.workers = 6  # type: ignore[misc]  # as the test is about
    with pytest.raises(AttributeError, match="frozen"):
        del definition.write.workers


@pytest.mark.parametrize(
    ("file", "name"), [("a b.c.yaml", "a-b-c"), ("users_1.yml", "users_1"), ("é.yaml", "-")]
)
def test_name_of_the_file(tmp_path: Path, file: str, name: str) -> None:
    """Left out, the name is the file's, with what a folder name should not have replaced."""
    path = tmp_path / file
    path.write_text(START)

    assert load(path, environment={}).name == name
