"""What tests of crashes and stops ask for: a job whose table is behind a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine import tables
from tests.integration.gate import gate_before
from tests.integration.loads import Job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def job(dynamodb_local: str, access_key: str, tmp_path: Path) -> Iterator[Job]:
    """Give a job with a table of its own, behind a gate."""
    with gate_before(dynamodb_local) as gate:
        yield Job(tmp_path, gate, tables.credentials_of(access_key))
