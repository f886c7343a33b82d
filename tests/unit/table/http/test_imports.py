"""Our own transport costs its own import, and no more."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import socket, ssl, sys
from pipeline.errors import DeniedError, TableStopError, TransientError
from pipeline.table.aws.client import DynamoTable
from pipeline.table.aws.faults import translate
from pipeline.table.http.pool import open_pool
from pipeline.table.http.response import DeadlineError, ExchangeError
from pipeline.table.http.sender import HttpSender
from pipeline.table.http.signing import Fixed, Keys

def told(error):
    fault = translate(error)
    return type(fault).__name__, str(fault), fault.code

assert told(DeadlineError(60.0)) == ("TransientError", "no whole answer within 60 s", "timeout")
assert told(ExchangeError("odd", "broken")) == ("TransientError", "odd", "broken")
for kind in (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, TimeoutError, OSError,
             socket.gaierror, ssl.SSLError, ssl.SSLEOFError):
    assert told(kind("not shown")) == ("TransientError", kind.__name__, kind.__name__), kind
denied = DeniedError("no keys")
assert translate(denied) is denied
stop = translate(ssl.SSLCertVerificationError(1, "self-signed"))
assert isinstance(stop, TableStopError) and "certificate is not trusted" in str(stop)
bug = ValueError("a bug")
try:
    translate(bug)
except ValueError as same:
    assert same is bug
print(*sys.modules)
"""


def test_neither_the_sdk_nor_its_http_client_is_imported() -> None:
    """Not with what sends and reads, and not to say what a fault of the network means."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"aiobotocore", "botocore", "aiohttp", "boto3", "urllib3", "yarl"}
