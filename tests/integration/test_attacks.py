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

    Nor does the service's memory grow by them, or its event loop stand still.
    """
    figures = measure(Context("ci", 1, tmp_path, DynamoDBLocal()))
    assert figures.passed, f"{figures.figure}\n{figures.detail}"
    assert sum(figures.figures["tried"].values()) > 500
