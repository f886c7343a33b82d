"""What these tests ask for: a transport, or a job whose table is behind a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine import tables
from tests.integration.gate import gate_before
from tests.integration.loads import Job
from tests.integration.senders import TRANSPORTS, Where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=TRANSPORTS)
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Where:
    """Say over which transport a test writes: over each of them, one after the other."""
    return Where(request.param, monkeypatch)


@pytest.fixture
def job(dynamodb_local: str, access_key: str, tmp_path: Path) -> Iterator[Job]:
    """Give a job with a table of its own, behind a gate."""
    with gate_before(dynamodb_local) as gate:
        yield Job(tmp_path, gate, tables.credentials_of(access_key))
