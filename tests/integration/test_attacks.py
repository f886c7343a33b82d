"""The service under attack, in small: what gets through at full size is the scoreboard's R17."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.reliability.board import Context
from bench.reliability.rows.r17_attacks import measure
from tests.engine.local import DynamoDBLocal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(180)
def test_no_attack_gets_through(tmp_path: Path) -> None:
    """
    Hundreds of hostile requests change nothing, learn nothing, stop nobody and begin no job.

    How long the event loop stood still, and the last megabyte, are for the scoreboard to judge.
    """
    found = measure(Context("ci", 1, tmp_path, DynamoDBLocal()))
    assert found.figures["accepted"] == {}, found.detail
    assert found.figures["outbound_calls"] == 0
    assert found.figures["grown_bytes"] < 64_000_000
    assert sum(found.figures["tried"].values()) > 1_000
