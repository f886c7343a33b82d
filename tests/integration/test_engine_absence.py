"""What happens to the tests where no engine is to be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("required", "outcome"), [("0", "2 skipped"), ("1", "2 errors")], ids=["wanted", "required"]
)
def test_an_absent_engine_is_told(tmp_path: Path, required: str, outcome: str) -> None:
    """Tests that need it are skipped with the reason, or fail where somebody relies on them."""
    environment = {name: value for name, value in os.environ.items() if "PIPELINE" not in name}
    environment |= {
        "PATH": str(tmp_path),
        "DOCKER_HOST": f"unix://{tmp_path}/nobody",
        "PIPELINE_REQUIRE_ENGINE": required,
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*command, "tests/integration/test_engine.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout
    assert "no `java` on the PATH" in done.stdout
