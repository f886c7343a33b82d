"""
Start-up is a budget: what each command imports, and what it must not.

A library that only some runs need is imported where it is needed; each list here is what a command
has to do without. How long it takes is measured by ``python -m bench.throughput --startup``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = {"aiobotocore", "aiohttp", "botocore"}
WEB = {"fastapi", "h11", "pydantic", "starlette", "uvicorn"}
RARE = WEB | {
    "aiohttp",
    "prometheus_client",
    "pyinstrument",
    "rich",
    "sqlite3",
    "xml",
    "zipfile",
    "zstandard",
}
"""What only some source, screen, option or the job service needs."""

LOOP = {"asyncio", "concurrent", "httptools", "ssl", "uvloop"}
DATA = {"aiofiles", "msgspec", "orjson"}
MODEL = {"msgspec"}
"""What the values that travel are made with; 5 ms."""

WITHOUT: dict[str, set[str]] = {
    "--help": SDK | RARE | LOOP | DATA | {"decimal", "jsonschema_rs", "yaml"},
    "run --help": SDK | RARE | LOOP | DATA | {"decimal", "jsonschema_rs", "yaml"},
    "serve --help": SDK | RARE | LOOP | DATA | {"decimal", "jsonschema_rs", "yaml"},
    "schema": SDK | RARE | LOOP | DATA - MODEL | {"jsonschema_rs"},
    "validate job.yaml": SDK | RARE | LOOP | DATA - MODEL,
    "validate job.yaml --source": SDK | RARE,
    "run job.yaml --dry-run": SDK | RARE,
    "run job.yaml": SDK | RARE,
    "create-table job.yaml": SDK | RARE,
    "run job.yaml --set target.transport=sdk": RARE - SDK - {"xml", "zipfile"},
    "run job.yaml --set target.endpoint=embedded": (RARE | SDK) - {"aiohttp", "sqlite3", "zipfile"},
}

NEEDED = {
    "run job.yaml": {"httptools", "uvloop"},
    "run job.yaml --set target.transport=sdk": {"aiobotocore"},
}
"""What shows that the lists say something: each of these does its work."""

JOB = """
source: {type: file, path: in.jsonl}
schema: {type: object, required: [id], properties: {id: {type: string, pattern: "^[a-z]"}}}
items: [{key: {PK: "USER#{id}"}}]
target: {table: Users, endpoint: "%s", create: {key: {PK: S}, if_missing: true}}
"""

TABLE = {
    "TableName": "Users",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}

PROGRAM = """
import sys
from pipeline.cli import main
try:
    main()
finally:
    with open("modules", "w") as file:
        file.write("\\n".join(sys.modules))
"""


class Answers(BaseHTTPRequestHandler):
    """A service with one table, which takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Describe the table, or take a batch."""
        self.rfile.read(int(self.headers["Content-Length"]))
        writes = self.headers["X-Amz-Target"].endswith("BatchWriteItem")
        body = json.dumps({"UnprocessedItems": {}} if writes else {"Table": TABLE}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def imported(arguments: str, endpoint: str, folder: Path) -> set[str]:
    """Return the modules that a command leaves behind."""
    (folder / "job.yaml").write_text(JOB % endpoint)
    (folder / "in.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    nothing = ("AWS_", "HTTP_PROXY", "http_proxy", "PYTHONPROFILE")
    environment = {name: it for name, it in os.environ.items() if not name.startswith(nothing)}
    environment |= {
        "AWS_ACCESS_KEY_ID": "TESTKEY",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set((folder / "modules").read_text().splitlines())


@pytest.mark.parametrize("arguments", WITHOUT)
def test_a_command_pays_for_what_it_needs(arguments: str, endpoint: str, tmp_path: Path) -> None:
    """None of what it has to do without is imported, and what it needs is."""
    modules = imported(arguments, endpoint, tmp_path)

    assert modules & WITHOUT[arguments] == set()
    assert NEEDED.get(arguments, set()) <= modules
