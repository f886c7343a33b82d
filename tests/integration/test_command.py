"""The command as a user meets it: exit codes, stdout and stderr, stops, and refusals."""

from __future__ import annotations

import gzip
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine import tables
from tests.integration.command import pipeline, start

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFINITION = """
source: {type: file, path: "%(path)s"}
schema:
  type: object
  required: [id]
  properties: {id: {type: string, minLength: 1}, age: {type: integer, minimum: 0}}
items: [{key: {PK: "USER#{id}"}}]
target:
  table: Users
  endpoint: %(endpoint)s
  transport: ${TRANSPORT:-auto}
  create: {key: {PK: S}, if_missing: true}
"""

OVER_BOTH = pytest.mark.usefixtures("transport")
"""Marks what has to hold over either transport."""


@pytest.fixture(name="transport", params=["auto", "sdk"])
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSPORT", request.param)


def write_definition(folder: Path, endpoint: str = "embedded", path: str = "in.jsonl") -> Path:
    """Write a definition that loads *path*."""
    file = folder / "users.yaml"
    file.write_text(DEFINITION % {"path": path, "endpoint": endpoint})
    return file


def write_records(folder: Path, *lines: str) -> None:
    """Write the source."""
    (folder / "in.jsonl").write_text("".join(f"{line}\n" for line in lines))


def events(log: str) -> list[dict[str, Any]]:
    """Read log lines."""
    return [json.loads(line) for line in log.splitlines()]


@OVER_BOTH
def test_all_written_is_exit_code_0_with_json_on_stdout_and_log_lines_on_stderr(
    tmp_path: Path,
) -> None:
    """In a pipe stdout is the report alone; stderr and log.jsonl hold the same events."""
    write_records(tmp_path, '{"id": "a", "age": 3}', '{"id": "b"}')

    ended = pipeline("run", write_definition(tmp_path), cwd=tmp_path)

    assert ended.code == 0
    assert ended.report["status"] == "succeeded"
    assert (ended.report["total"], ended.report["succeeded"]) == (2, 2)
    names = [event["event"] for event in events(ended.err)]
    assert names[0] == "run.started"
    assert names[-1] == "run.finished"
    latest = tmp_path / "runs" / "users" / "latest"
    assert (latest / "log.jsonl").read_text() == ended.err
    assert json.loads((latest / "report.json").read_text()) == ended.report


@OVER_BOTH
def test_a_bad_record_is_exit_code_1_and_names_file_line_field_and_rule(tmp_path: Path) -> None:
    """The good neighbours are written; the bad line is in the dead letters as it stands."""
    bad = '{"id": "b", "age": -1}'
    write_records(tmp_path, '{"id": "a"}', bad, "not json", '{"id": "c"}')

    ended = pipeline("run", write_definition(tmp_path), cwd=tmp_path)

    assert ended.code == 1
    report = ended.report
    assert report["status"] == "completed_with_errors"
    assert (report["total"], report["succeeded"], report["rejected"]) == (4, 2, 2)
    first = report["errors"][0]
    assert (first["source"], first["line"], first["field"]) == ("in.jsonl", 2, "age")
    assert (first["kind"], first["rule"]) == ("schema", "minimum")
    lines = (tmp_path / report["dead_letter"]).read_text().splitlines()
    letters = [json.loads(line) for line in lines]
    assert [letter["raw"] for letter in letters] == [bad, "not json"]


def test_a_wrong_definition_is_exit_code_2_and_shows_the_line(tmp_path: Path) -> None:
    """Nothing is run; the nearest valid key is named."""
    definition = write_definition(tmp_path)
    definition.write_text(definition.read_text().replace("table:", "tabel:"))

    ended = pipeline("run", definition, cwd=tmp_path)

    assert ended.code == 2
    assert "did you mean `table`?" in ended.err
    assert "tabel: Users" in ended.err
    assert not (tmp_path / "runs").exists()


@OVER_BOTH
def test_a_missing_table_is_found_before_the_first_record(
    dynamodb_local: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    """One sentence with what to do, exit code 2, no report."""
    assert credentials
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path, dynamodb_local)

    ended = pipeline("run", definition, "--set", "target.create.if_missing=false", cwd=tmp_path)

    assert ended.code == 2
    assert ended.out == ""
    assert "there is no table 'Users'" in ended.err
    assert "create-table" in ended.err
    assert "Traceback" not in ended.err


@OVER_BOTH
def test_an_unreachable_endpoint_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Nothing listens on port 9: exit code 2 and advice, no traceback."""
    write_records(tmp_path, '{"id": "a"}')

    ended = pipeline("run", write_definition(tmp_path, "http://127.0.0.1:9"), cwd=tmp_path)

    assert ended.code == 2
    assert "http://127.0.0.1:9 does not answer" in ended.err
    assert len(ended.err.strip().splitlines()) == 1


@OVER_BOTH
def test_missing_credentials_are_told_before_anything_is_read(tmp_path: Path) -> None:
    """Without an endpoint the target is AWS, and credentials must be there."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    definition.write_text(definition.read_text().replace("  endpoint: embedded\n", ""))

    ended = pipeline("run", definition, "--set", "target.region=eu-west-1", cwd=tmp_path)

    assert ended.code == 2
    assert "no AWS credentials were found" in ended.err


@OVER_BOTH
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"AWS_PROFILE": "nope"}, "nope"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_CONFIG_FILE": "broken.ini"}, "broken.ini"),
        ({"AWS_CONFIG_FILE": "process.ini"}, "No such file"),
    ],
)
def test_a_broken_aws_configuration_is_told_in_one_sentence(
    variables: Mapping[str, str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The SDK's own configuration errors are no tracebacks of ours."""
    (tmp_path / "broken.ini").write_text("no section\n")
    (tmp_path / "process.ini").write_text("[default]\ncredential_process = /nowhere/tool\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    definition.write_text(definition.read_text().replace("  endpoint: embedded\n", ""))

    ended = pipeline("run", definition, "--set", "target.region=eu-west-1", cwd=tmp_path)

    assert ended.code == 2
    assert "the AWS configuration cannot be used" in ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err
    rehearsal = pipeline("run", definition, "--set", "target.endpoint=embedded", cwd=tmp_path)
    assert rehearsal.code == 0, rehearsal.err


def test_the_region_of_the_environment_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS_REGION, which containers and shells of AWS set, is as good as AWS_DEFAULT_REGION."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    definition.write_text(definition.read_text().replace("  endpoint: embedded\n", ""))

    ended = pipeline("run", definition, cwd=tmp_path)

    assert "no AWS credentials were found" in ended.err


def test_a_column_that_is_not_there_is_told_before_the_first_row(tmp_path: Path) -> None:
    """A misspelt field is one sentence, not a rejection of every row."""
    (tmp_path / "in.csv").write_text("article;price\nx;1\n")
    definition = write_definition(tmp_path, path="in.csv")

    wrong = pipeline("run", definition, cwd=tmp_path)
    right = pipeline("run", definition, "--set", "source.csv.delimiter=;", cwd=tmp_path)

    assert (wrong.code, right.code) == (2, 2)
    assert "set source.csv.delimiter: ';'" in wrong.err
    assert "items.0.key.PK uses 'id', and 'in.csv' has no such column" in right.err
    assert "article, price" in right.err


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ('items=[{key: {id: "{id}"}}]', "'id', but the key of table 'Users' is PK (S)"),
        ("items=[{only: [id]}]", "has no 'PK', which is in the key of table 'Users'"),
        ('items=[{key: {PK: "{id}", SK: A}}]', "'SK', but the key of table 'Users' is PK (S)"),
    ],
)
def test_items_that_cannot_have_the_tables_key_are_refused(
    items: str, told: str, tmp_path: Path
) -> None:
    """A key schema that does not fit is found before the first record."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    pipeline("create-table", definition, cwd=tmp_path)
    # Without target.create only the table itself can tell what its key is.
    definition.write_text(definition.read_text().replace("  create:", "  # create:"))

    ended = pipeline("run", definition, "--set", items, cwd=tmp_path)

    assert ended.code == 2
    assert told in ended.err


@OVER_BOTH
def test_create_table_creates_once_then_finds_it_identical_then_shows_a_diff(
    dynamodb_local: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    """Created and waited for; a no-op on an identical table; a diff on another one."""
    assert credentials
    definition = write_definition(tmp_path, dynamodb_local)

    created = pipeline("create-table", definition, cwd=tmp_path)
    again = pipeline("create-table", definition, cwd=tmp_path)
    other = pipeline("create-table", definition, "--set", "target.create.key={PK: N}", cwd=tmp_path)

    assert (created.code, again.code, other.code) == (0, 0, 2)
    assert "was created and is active" in created.out
    assert "exists and is as described" in again.out
    assert "key: {PK: N} in the definition, {PK: S} in the table" in other.out


def test_a_table_that_differs_from_the_definition_is_warned_of(tmp_path: Path) -> None:
    """A run does not change a table; that it lacks an index is said in the report."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    pipeline("create-table", definition, cwd=tmp_path)
    index = "target.create.indexes=[{name: by-age, key: {age: N}}]"

    ended = pipeline("run", definition, "--set", index, cwd=tmp_path)

    assert ended.code == 0
    (warning,) = ended.report["warnings"]
    assert "index by-age" in warning


@OVER_BOTH
def test_a_dry_run_writes_nothing_and_says_so(tmp_path: Path) -> None:
    """All but the writes: counts as in a run, no table, no item."""
    write_records(tmp_path, '{"id": "a"}', "bad")

    ended = pipeline("run", write_definition(tmp_path), "--dry-run", cwd=tmp_path)

    assert ended.code == 1
    report = ended.report
    assert report["dry_run"] is True
    assert (report["succeeded"], report["rejected"], report["requests"]) == (1, 1, 1)
    missing = pipeline(
        "run", tmp_path / "users.yaml", "--set", "target.create.if_missing=false", cwd=tmp_path
    )
    assert "there is no table" in missing.err


def test_validate_checks_every_record_without_a_table(tmp_path: Path) -> None:
    """Validate --source reports what a run would reject; nothing is connected."""
    write_records(tmp_path, '{"id": "a"}', '{"id": ""}')
    definition = write_definition(tmp_path, "http://127.0.0.1:9")

    plain = pipeline("validate", definition, cwd=tmp_path)
    deep = pipeline("validate", definition, "--source", cwd=tmp_path)

    assert (plain.code, deep.code) == (0, 1)
    assert "is right" in plain.out
    assert deep.report["errors"][0]["rule"] == "minLength"


def test_limit_reads_no_more(tmp_path: Path) -> None:
    """--limit 3 of ten records loads three, and the run is a success."""
    write_records(tmp_path, *(f'{{"id": "{n}"}}' for n in range(10)))

    ended = pipeline("run", write_definition(tmp_path), "--limit", "3", cwd=tmp_path)

    assert ended.code == 0
    assert (ended.report["records"], ended.report["succeeded"]) == (3, 3)


def test_stdin_is_a_source(tmp_path: Path) -> None:
    """Records piped in are loaded; format and compression are told by content."""
    definition = write_definition(tmp_path)

    ended = pipeline(
        "run", definition, "--set", "source={type: stdin}", cwd=tmp_path, stdin="id,age\na,3\nb,\n"
    )

    assert ended.code == 0, ended.err
    assert ended.report["succeeded"] == 2


def start_endless(definition: Path) -> subprocess.Popen[str]:
    """Start a load that would take hours, and return once it reads."""
    source = "source={type: generate, count: 10000000}"
    key = 'items=[{key: {PK: "{user_id}"}}]'
    options = ("--set", source, "--set", key, "--set", "schema={}")
    running = start("run", definition, *options, cwd=definition.parent)
    assert running.stderr is not None
    for line in running.stderr:
        if '"part.opened"' in line:
            break
    return running


@OVER_BOTH
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_stops_softly_and_everything_read_is_settled(
    number: signal.Signals,
    code: int,
    dynamodb_local: str,
    credentials: Mapping[str, str],
    tmp_path: Path,
) -> None:
    """The report counts exactly what a scan finds, and says so at once: nothing is unsettled."""
    definition = write_definition(tmp_path, dynamodb_local)

    with start_endless(definition) as running:
        try:
            running.wait(timeout=2)
        except subprocess.TimeoutExpired:
            running.send_signal(number)
        out, _ = running.communicate(timeout=60)

    report = json.loads(out)
    assert running.returncode == code
    assert report["status"] == "stopped"
    assert report["reason"] == number.name.lower()
    parts = ("succeeded", "superseded", "rejected", "failed")
    assert report["total"] == sum(report[part] for part in parts) == report["records"]
    assert report["unsettled"] == 0
    async with tables.connect(dynamodb_local, credentials["AWS_ACCESS_KEY_ID"]) as client:
        assert len(await tables.scan_all(client, "Users")) == report["succeeded"] > 0


async def test_a_table_that_vanishes_ends_the_run_as_failed(
    dynamodb_local: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    """Exit code 3, the stage is named, the law holds and the rest is counted as unsettled."""
    definition = write_definition(tmp_path, dynamodb_local)

    with start_endless(definition) as running:
        async with tables.connect(dynamodb_local, credentials["AWS_ACCESS_KEY_ID"]) as client:
            await client.delete_table(TableName="Users")
        out, _ = running.communicate(timeout=60)

    report = json.loads(out)
    assert running.returncode == 3
    assert (report["status"], report["reason"]) == ("failed", "table_refused")
    assert report["stage"].startswith("writer")
    assert "ResourceNotFoundException" in report["message"]
    parts = ("succeeded", "superseded", "rejected", "failed")
    assert report["total"] == sum(report[part] for part in parts)
    assert report["unsettled"] > 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_without_standard_streams_loads_all_the_same(closed: str, tmp_path: Path) -> None:
    """As under cron or a daemon: no file or socket takes a stream's place, the run succeeds."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    command = f"exec {shlex.quote(sys.executable)} -m pipeline run {shlex.quote(str(definition))}"

    ended = subprocess.run(["/bin/sh", "-c", f"{command} {closed}"], cwd=tmp_path, check=False)

    assert ended.returncode == 0
    report = json.loads((tmp_path / "runs/users/latest/report.json").read_text())
    assert report["succeeded"] == 1


def test_a_report_that_nobody_reads_does_not_change_the_exit_code(tmp_path: Path) -> None:
    """A full disk under stdout: 0 all the same, and where the report stands is told."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)

    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline", "run", definition],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert ended.returncode == 0
    assert "the report is in runs/users/" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_stdin_as_source_must_be_there(tmp_path: Path) -> None:
    """A closed stdin is no empty source: it is told, nothing is run."""
    definition = write_definition(tmp_path)
    command = f"{shlex.quote(sys.executable)} -m pipeline run {shlex.quote(str(definition))}"

    ended = subprocess.run(
        ["/bin/sh", "-c", f"{command} --set 'source={{type: stdin}}' <&-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "nothing is piped in" in ended.stderr


def test_signals_after_the_last_item_do_not_cost_the_report(tmp_path: Path) -> None:
    """Signals that come while the run closes are too late to stop anything, and lose nothing."""
    write_records(tmp_path, *(f'{{"id": "{n}"}}' for n in range(2_000)))
    with start("run", write_definition(tmp_path), cwd=tmp_path) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if '"run.finished"' in line:
                break
        for _ in range(20):
            running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    assert running.returncode == 0
    assert json.loads(out)["succeeded"] == 2_000
    assert "nothing was written" not in err


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.45])
def test_a_signal_before_the_first_record_is_no_finished_run(delay: float, tmp_path: Path) -> None:
    """While the program still starts, Ctrl-C ends it as a signal does, never as a finished run."""
    write_records(tmp_path, '{"id": "a"}')
    definition = write_definition(tmp_path)
    with start("run", definition, cwd=tmp_path) as running:
        try:
            running.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)

    # -2: Python itself had not got as far as our first line.
    assert running.returncode in {130, 0, -signal.SIGINT}
    assert running.returncode < 0 or "Traceback" not in err


def test_a_full_disk_ends_the_run_with_whole_letters_and_every_record_accounted_for(
    tmp_path: Path,
) -> None:
    """Exit code 3; the file has just the letters that the report counts, the rest is unsettled."""
    lines = [f'{{"id": "{n}"}}' if n % 2 else f"bad {n}" for n in range(6_000)]
    write_records(tmp_path, *lines)
    definition = write_definition(tmp_path, path="in.jsonl")
    code = (
        "import resource, sys\n"
        "from pipeline.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        f"sys.argv = ['pipeline', 'run', {str(definition)!r}, '--dry-run']\n"
        "main()\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 3, ended.stderr
    report = json.loads(ended.stdout)
    assert report["reason"] == "storage"
    assert "make room" in report["message"]
    letters = (tmp_path / report["dead_letter"]).read_bytes()
    assert letters.endswith(b"\n")
    assert len(letters.splitlines()) == report["rejected"] > 0
    parts = ("succeeded", "superseded", "rejected", "failed")
    assert report["total"] == sum(report[part] for part in parts)
    assert report["unsettled"] > 0


async def test_damage_in_the_source_fails_the_run_after_all_that_was_whole_is_written(
    dynamodb_local: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    """A gzip cut short: exit code 3, and what the report counts is what the table holds."""
    whole = gzip.compress(b"".join(b'{"id": "%d"}\n' % n for n in range(20_000)))
    (tmp_path / "in.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    definition = write_definition(tmp_path, dynamodb_local, path="in.jsonl.gz")

    verified = pipeline("run", definition, cwd=tmp_path)
    assert (verified.code, verified.report["reason"]) == (3, "source_corrupt")
    assert (verified.report["records"], verified.report["resumable"]) == (0, False)

    ended = pipeline("run", definition, "--no-verify-source", cwd=tmp_path)

    report = ended.report
    assert ended.code == 3
    assert (report["status"], report["reason"], report["stage"]) == (
        "failed", "source_corrupt", "producer",
    )  # fmt: skip
    assert "in.jsonl.gz" in report["message"]
    assert report["unsettled"] == 0
    async with tables.connect(dynamodb_local, credentials["AWS_ACCESS_KEY_ID"]) as client:
        rows = await tables.scan_all(client, "Users")
    assert len(rows) == report["succeeded"] == report["records"] > 0


def test_a_report_file_that_cannot_be_written_costs_neither_report_nor_exit_code(
    tmp_path: Path,
) -> None:
    """The disk takes no report.json: the report is printed, the file is told of, not half there."""
    write_records(tmp_path, *(f'{{"id": "{n}"}}' for n in range(10)))
    definition = write_definition(tmp_path)
    code = (
        "import resource, sys\n"
        "from pipeline.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        f"sys.argv = ['pipeline', 'validate', {str(definition)!r}, '--source', "
        "'--set', 'log.level=error']\n"
        "main()\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["succeeded"] == 10
    assert "report.json could not be written" in ended.stderr
    assert not (tmp_path / "runs/users/latest/report.json").exists()


@OVER_BOTH
def test_no_request_is_larger_than_the_service_takes(
    dynamodb_local: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    """Control characters take six bytes each on the wire: 16 such items would be over 16 MB."""
    assert credentials
    filler = "\\u0001" * 175_000
    write_records(tmp_path, *(f'{{"id": "{n}", "filler": "{filler}"}}' for n in range(40)))

    definition = write_definition(tmp_path, dynamodb_local)
    roomy = ("--set", "write.linger=10s", "--set", "queues.memory=1GB")

    ended = pipeline("run", definition, *roomy, cwd=tmp_path)

    assert ended.code == 0, ended.err[-2_000:]
    assert ended.report["succeeded"] == 40
    assert "batch.split" not in ended.err
    assert ended.report["requests"] == ended.report["batches"] == 3
