"""
Where the official JSON Schema Test Suite comes from.

It is not copied into this project. The source distribution of the PyPI package ``jsonschema``
carries it; pip fetches that once, its hash is checked, and it is kept in the user's cache. The
variable ``PIPELINE_JSON_SCHEMA_SUITE`` names a folder that holds it instead (the one with
``tests/draft2020-12`` inside).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

__all__ = ["draft_folder"]

_PACKAGE = "jsonschema==4.26.0"
_SHA256 = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"


def draft_folder() -> Path:
    """
    Return the folder of the draft's tests.

    Where it cannot be had the test is skipped with the reason, but fails where ``CI`` is ``true``
    or ``PIPELINE_CI`` is ``1``.
    """
    named = os.environ.get("PIPELINE_JSON_SCHEMA_SUITE")
    root = Path(named) if named else _cached()
    folder = root / "tests" / "draft2020-12"
    if not folder.is_dir():
        _cannot(f"{folder} does not exist")
    return folder


def _cached() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dynamodb-pipeline"
    kept = cache / f"json-schema-suite-{_SHA256[:12]}"
    if not kept.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as scratch:
            _fetch(Path(scratch)).rename(kept)
    return kept


def _fetch(scratch: Path) -> Path:
    pip = [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode and uv:
        pip = [uv, "tool", "run", "pip"]
    command = [*pip, "download", "--quiet", "--no-deps", "--no-binary", "jsonschema", _PACKAGE]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    archives = list(scratch.glob("*.tar.gz"))
    if not archives:
        _cannot(f"pip could not fetch {_PACKAGE}: {done.stderr[-300:].strip()}")
    digest = hashlib.sha256(archives[0].read_bytes()).hexdigest()
    assert digest == _SHA256, f"{archives[0].name} has the hash {digest}, not the pinned one"
    with tarfile.open(archives[0]) as archive:
        archive.extractall(scratch, filter="data")
    return next(scratch.glob("jsonschema-*/json"))


def _cannot(reason: str) -> None:
    if os.environ.get("PIPELINE_CI") == "1" or os.environ.get("CI") == "true":
        pytest.fail(f"the JSON Schema Test Suite is needed here: {reason}")
    pytest.skip(f"no JSON Schema Test Suite: {reason}")
