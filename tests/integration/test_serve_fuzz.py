"""The service says of itself what it does: its OpenAPI document, judged by a fuzzer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.serving import Served, served, write_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "a-token-that-nobody-guesses"
ROOT = Path(__file__).parents[2]
ENDLESS = ("people", "slow")


def fuzz(server: Served, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer with every check, through every phase, for well under half a minute."""
    fixed = ("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--no-color")
    bounded = ("--max-examples", "8", "--generation-deterministic", "--request-timeout", "10")
    document = folder / "openapi.json"
    document.write_bytes(server.ask("GET", "/openapi.json").body)
    where = (str(document), "--url", f"http://{server.host}:{server.port}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.integration.fuzz_hooks",
    }
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", *where, *fixed, *bounded],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("token", [None, TOKEN], ids=["open", "token"])
def test_the_service_does_what_its_document_says(tmp_path: Path, token: str | None) -> None:
    """Every status, header, type and body as documented; what is no request is refused."""
    folder = write_folder(tmp_path)
    for name in ENDLESS:
        (folder / f"{name}.yaml").unlink()
    variables: Mapping[str, str] = {} if token is None else {"PIPELINE_SERVE_TOKEN": token}
    if token is not None:
        (tmp_path / "schemathesis.toml").write_text(f'[auth.openapi.token]\nbearer = "{token}"\n')
    with served(folder, variables=variables, token=token) as server:
        done = fuzz(server, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        assert server.end() == 0

    lines = [json.loads(line) for line in server.told]
    told = {(line["event"], line["level"]) for line in lines}
    assert ("http.failed", "error") not in told
    assert not [line for line in lines if line["level"] == "error"]
    statuses = {line["status"] for line in lines if line["event"] == "http.request"}
    assert {200, 202, 404, 405, 415, 422} <= statuses
    assert (401 in statuses) == (token is not None)


def test_the_document_has_examples_and_no_loose_ends(tmp_path: Path) -> None:
    """Each body has an example that its schema takes, and each operation says what may go wrong."""
    import jsonschema_rs

    with served(write_folder(tmp_path)) as server:
        document = server.ask("GET", "/openapi.json").json
    schemas = {"components": document["components"]}
    judged = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert {"400", "403", "408", "421", "431", "500", "503"} <= operation[
                "responses"
            ].keys()
            assert operation["summary"], path
            good = [it for it in operation["responses"].items() if it[0].startswith("2")]
            ((_, answer),) = good
            schema = answer["content"].get("application/json", {}).get("schema")
            if schema is None:
                continue
            name = schema["$ref"].rpartition("/")[2]
            for example in document["components"]["schemas"][name]["examples"]:
                jsonschema_rs.validate({**schemas, **schema}, example)
                judged += 1
    assert judged >= 10
    migrate = document["paths"]["/api/{pipeline}/migrate"]["post"]
    (pipeline,) = [one for one in migrate["parameters"] if one["in"] == "path"]
    assert "users" in pipeline["examples"]
    assert "broken" not in pipeline["examples"]
