"""What a wrong definition is told: everything, where it stands, and what was meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.unit.config.conftest import START

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.config.conftest import Load, Refuse

WRONG = """\
source:
  type: fil
  path: a.csv
  cvs: {}
schema:
  type: object
  properties:
    age: {type: integer, minimun: 0}
items:
  - key: {PK: "USER#{id"}
    only: [a]
    omit: [b]
target: {table: Users, create: {key: {PK: S}, wcu: 5}}
write:
  workrs: 10
  batch_size: ${BATCH}
  workers: 1
  workers: 2
"""

TOLD = """\
pipeline.yaml:2:9: source.type: expected one of: generate, file, stdin; did you mean `file`?
    2 |   type: fil
      |         ^^^
pipeline.yaml:4:3: source.cvs: unknown key; did you mean `csv`?
    4 |   cvs: {}
      |   ^^^
pipeline.yaml:8:26: schema.properties.age.minimun: SCHEMA
    8 |     age: {type: integer, minimun: 0}
      |                          ^^^^^^^
pipeline.yaml:10:15: items.0.key.PK: TEMPLATE
   10 |   - key: {PK: "USER#{id"}
      |               ^^^^^^^^^^
pipeline.yaml:12:5: items.0.omit: `only` and `omit` exclude each other; keep one
   12 |     omit: [b]
      |     ^^^^
pipeline.yaml:13:52: target.create.wcu: `wcu` needs `billing: provisioned`
   13 | target: {table: Users, create: {key: {PK: S}, wcu: 5}}
      |                                                    ^
pipeline.yaml:15:3: write.workrs: unknown key; did you mean `workers`?
   15 |   workrs: 10
      |   ^^^^^^
pipeline.yaml:16:15: write.batch_size: environment variable BATCH is not set; set it, or write \
`${BATCH:-default}`
   16 |   batch_size: ${BATCH}
      |               ^^^^^^^^
pipeline.yaml:18:3: write.workers: duplicate key `workers`: it already stands on line 17
   18 |   workers: 2
      |   ^^^^^^^
9 problems in pipeline.yaml"""


def test_everything_at_once(refused: Refuse) -> None:
    """YAML, environment, types, rules, templates and schema are told together, by line."""
    found = refused(WRONG).splitlines()
    found[6] = found[6].partition(".minimun: ")[0] + ".minimun: SCHEMA"  # the transform's words
    found[9] = found[9].partition(".PK: ")[0] + ".PK: TEMPLATE"

    assert "\n".join(found) == TOLD


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("nme: a", "3:1", "nme: unknown key; did you mean `name`?"),
        ("zzz: a", "3:1", "zzz: unknown key; valid here: name, source, schema, items, target"),
        ("mode: put", "3:1", "mode: unknown key here; it belongs under `write`"),
        ("attempts: 5", "3:1", "attempts: unknown key here; it belongs under `write.retry`"),
        ("write: {schema: {}}", "3:9", "write.schema: unknown key here; it belongs at the top"),
        ("write: {retry: {atempts: 5}}", "3:17", "write.retry.atempts: unknown key; did you mean"),
        ("items: [{set: {a: {from: b, tpe: S}}}]", "3:29", "unknown key; did you mean `type`?"),
        ("items: [{set: {a: {from: b, x: c}}}]", "3:29", "valid here: from, type, as, required"),
        ("items: [{set: {a: {}}}]", "3:16", "items.0.set.a: required key `from` is missing"),
        ("items: [{set: {a: [1]}}]", "3:16", "write {value: ...}"),
        ("items: [{key: {PK: {id}}}]", "3:16", "a template needs quotes"),
        ('items: [{key: {"": a}}]', "3:16", "items.0.key.: expected at least 1 character"),
        ("items: [{key: {a: x, b: y, c: z}}]", "3:10", "items.0.key: expected at most 2 entries"),
        ("items: []", "3:1", "items: expected at least 1 entry"),
        ("items: {}", "3:1", "items: expected a list"),
        ("items: [a]", "3:9", "items.0: expected keys and values"),
        ("items: [{only: a}]", "3:16", "items.0.only: expected a list"),
        ("write: 5", "3:8", "write: expected keys and values"),
        ("write:", "3:7", "write: nothing stands here; give it a value or remove the key"),
        ("write: {workers: 0}", "3:18", "expected at least 1"),
        ("write: {workers: 257}", "3:18", "expected at most 256"),
        ("write: {workers: 5.0}", "3:18", "expected a whole number"),
        ("write: {workers: true}", "3:18", "expected a whole number"),
        ('write: {workers: "5"}', "3:18", "expected a whole number"),
        ("write: {mode: insert}", "3:15", "expected one of: put, delete"),
        ("write: {mode: 5}", "3:15", "expected one of: put, delete"),
        ("errors: {dead_letter: yes}", "3:23", "errors.dead_letter: expected true or false"),
        ("log: {level: warn}", "3:14", "did you mean `warning`?"),
        ("name: a b", "3:7", "expected letters, digits, '-' and '_'"),
        ("schema: [a]", "3:1", "schema: expected keys and values"),
        ("schema: {type: strin}", "3:16", "schema.type: "),
        ("watermark: {enabled: true}", "3:1", "watermark: unknown key; valid here: "),
        ("write: {workers: some}", "3:18", "expected a whole number, or auto"),
        ("write: {rate: 0}", "3:15", "write.rate: expected write units a second, from 1"),
        ("write: {rate: {rcu: 5}}", "3:9", "write.rate: expected one of the two"),
        ("write: {rate: 200000000}", "3:15", "write.rate: expected at most 100000000"),
        ("write: {rate: {wcu: 0.5}}", "3:9", "write.rate: expected write units a second"),
        ("write: {rate: {share: 101%}}", "3:9", "expected a share from 0% to 100%"),
        ("write: {rate: {share: 0%}}", "3:9", "expected a share above 0%"),
    ],
)
def test_one_problem(refused: Refuse, text: str, place: str, message: str) -> None:
    """Each mistake is told where it stands, with what to write instead."""
    found = refused(f"{START}{text}\n").splitlines()

    assert found[0].startswith(f"pipeline.yaml:{place}: ")
    assert message in found[0]
    assert found[1] == f"    3 | {text}"
    assert found[2].startswith("      | " + " " * (int(place.split(":")[1]) - 1) + "^")
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("target: {table: Users}", [":1:1: required key `source` is missing"]),
        ("source: {}\ntarget: {}", ["source: required key `type`", "target: required key `table`"]),
        ("source: file\ntarget: {table: Users}", ["source: expected keys and values"]),
        ("source: {type: s3}\ntarget: {table: Users}", ["expected one of: generate, file, stdin"]),
        ("source: {type: 5}\ntarget: {table: Users}", ["source.type: expected one of: generate"]),
        (
            "source: {type: generat, count: -1, csv: {}}\ntarget: {table: Users}",
            ["did you mean `generate`?", "count: expected at least 0", "csv: unknown key"],
        ),
        ("source: {type: file}\ntarget: {table: Users}", ["source: required key `path`"]),
        ("source: {type: file, path: ''}\ntarget: {table: Users}", ["source.path: the path is"]),
        (
            "source: {type: stdin, csv: {delimiter: ab}}\ntarget: {table: Users}",
            ["expected one character, in double quotes"],
        ),
        (
            "source: {type: stdin, csv: {delimiter: '\"'}}\ntarget: {table: Users}",
            ["a quote or a line end cannot be the delimiter"],
        ),
        ("source: {type: stdin, format: parquet}\ntarget: {table: Users}", ["one of: auto, jsonl"]),
        ("source: {type: stdin, max_record: 5}\ntarget: {table: Users}", ["with its unit"]),
        ("source: {type: stdin}\ntarget: {table: U}", ["expected 3 to 255 characters"]),
        ("source: {type: stdin}\ntarget: {table: Us/rs}", ["expected 3 to 255 characters"]),
    ],
)
def test_source_and_target(refused: Refuse, text: str, messages: list[str]) -> None:
    """What is wrong with the two required parts; a misspelt type does not hide the rest."""
    found = refused(text)

    for message in messages:
        assert message in found


@pytest.mark.parametrize(
    "endpoint",
    ["embeded", "localhost:8000", "ftp://x", "http://", "http://x:99999", "http://[::1", "''"],
)
def test_endpoint(refused: Refuse, endpoint: str) -> None:
    """An endpoint is a web address or the engine's name."""
    found = refused(f"source: {{type: stdin}}\ntarget: {{table: Users, endpoint: '{endpoint}'}}")

    assert "target.endpoint: expected a URL such as http://localhost:8000, or `embedded`" in found
    assert "region" not in found


@pytest.mark.parametrize(
    "key",
    ["aws_access_key_id", "secret_access_key", "SecretKey", "session_token", "password", "apikey"],
)
def test_credentials(refused: Refuse, key: str) -> None:
    """Credentials have no place here, and are not printed again."""
    found = refused(
        f"source: {{type: stdin}}\ntarget:\n  table: Users\n  {key}: hunter2\n", f"{key}=hunter3"
    )

    assert found.count("credentials never stand in YAML: they come from the SDK's chain") == 2
    assert f"    4 |   {key}***\n" in found
    assert f"--set {key}=***: " in found
    assert "hunter" not in found


def test_credentials_in_the_endpoint(refused: Refuse) -> None:
    """A URL with a password in it is refused like the password alone, and does not show it."""
    text = "source: {type: stdin}\ntarget: {table: Users, endpoint: 'http://a:h@nter@localhost'}"

    told = refused(text)
    assert "credentials never stand in YAML; remove them from the URL" in told
    assert "http://a:******@localhost" in told
    assert "nter" not in told


def test_too_many_problems(refused: Refuse) -> None:
    """A hundred problems are shown, and how many more there are."""
    found = refused(START + "".join(f"k{i}: v\n" for i in range(150)))

    assert found.count(": unknown key") == 100
    assert found.endswith("... and 50 more\n150 problems in pipeline.yaml")


def test_terminal(refused: Refuse) -> None:
    """Nothing that was written can act on the terminal, and long lines are cut to the place."""
    found = refused(START + '"\\e[31mred": a\n' + f"log: {{{'x' * 300}: 1, level: warn}}\n")

    assert "\x1b" not in found
    assert max(map(len, found.splitlines())) < 500
    assert "level: warn}\n" in found


def test_columns_are_characters(refused: Refuse) -> None:
    """A caret stands under its place also behind tabs and letters beyond ASCII."""
    found = refused(f"{START}log: {{\tlevel: 'übung'}}\n").splitlines()

    assert found[0].startswith("pipeline.yaml:3:15: ")
    assert found[2] == "      |       \t       ^^^^^^^"


def test_schema_file(load_text: Load, refused: Refuse, tmp_path: Path) -> None:
    """A schema may stand in a file of its own, whose numbers are exact; it is never fetched."""
    (tmp_path / "user.json").write_text('{"type": "object", "maxProperties": 10}')
    (tmp_path / "bad.json").write_text('{"type": "objct"}')
    (tmp_path / "twice.json").write_text('{"a": 1, "a": 2}')
    (tmp_path / "nan.json").write_text('{"const": NaN}')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "deeper.json").write_text('{"not":' * 64 + "{}" + "}" * 64)
    (tmp_path / "flat.json").write_text('{"enum": [' + "1," * 500_000 + "1]}")
    (tmp_path / "wide.json").write_text('{"enum": [' + '"a",' * 50_000 + '"b"]}')
    (tmp_path / "long.json").write_text('{"maximum": ' + "9" * 5_000 + "}")
    (tmp_path / "high.json").write_text('{"maximum": 1e999999}')
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "broken.json").write_text('{"a": }')
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    (tmp_path / "big.json").write_bytes(b" " * (1024 * 1024 + 1))

    schema = load_text(f"{START}schema: {{$ref: user.json}}").record_schema
    assert schema == {"type": "object", "maxProperties": 10}
    for reference, message in [
        ("bad.json", "in that file: type: "),
        ("twice.json", "the key 'a' twice"),
        ("nan.json", "holds NaN"),
        ("list.json", "is no JSON object"),
        ("deep.json", "nested deeper than 64 levels"),
        ("deeper.json", "nested deeper than 64 levels"),
        ("flat.json", "more than 50,000 values"),
        ("wide.json", "more than 50,000 values"),
        ("long.json", "holds a number of 5,000 characters"),
        ("high.json", "holds a number beyond 10 to the power of 400"),
        ("fifo.json", "cannot be read: it is no regular file"),
        ("/dev/zero", "cannot be read: it is no regular file"),
        ("broken.json", "line 1, column 7"),
        ("latin.json", "is no UTF-8"),
        ("big.json", "longer than 1 MiB"),
        ("none.json", "cannot be read: No such file"),
        ("https://example.com/x.json", "a remote schema is never fetched"),
        ("urn:x:y", "a remote schema is never fetched"),
        ("user.json#/a", "`#` is not supported here"),
        ("user.json, type: object", "`$ref` to a file stands alone"),
    ]:
        found = refused(f"{START}schema: {{$ref: {reference}}}")
        assert found.startswith("pipeline.yaml:3:16: schema.$ref: ")
        assert message in found
