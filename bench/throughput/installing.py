"""Install what the peers need, in places of their own: nothing of it comes near our program."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.throughput.running import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PEERS", "node_folder", "node_version", "python_of_peers", "version_of"]

PEERS = Path(__file__).parent / "peers"
_REQUIREMENTS = PEERS / "requirements.txt"
_PACKAGE = PEERS / "node" / "package.json"
_PATIENCE_S = 900


def python_of_peers(cache: Path) -> Path:
    """
    Return the interpreter of the Python peers, set up if it is not, or not of these requirements.

    :raises BenchError: it cannot be set up; the message says why.
    """
    folder = cache / "peers-venv"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if not _stands(stamp, _REQUIREMENTS):
        print(f"setting up {folder} for the Python peers; a minute or two", flush=True)
        _do([sys.executable, "-m", "venv", "--clear", str(folder)], cache)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _do([*install, "--require-hashes", "-r", str(_REQUIREMENTS)], cache)
        stamp.write_text(_digest(_REQUIREMENTS))
    return python


def node_folder(cache: Path) -> Path:
    """Return the folder of the Node peer, set up as `python_of_peers` is."""
    folder = cache / "peers-node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BenchError("Node is not here (node and npm are not on the PATH)")
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    if not _stands(stamp, _PACKAGE):
        print(f"setting up {folder} for the Node peer", flush=True)
        shutil.copy(_PACKAGE, folder)
        told = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        _do(["npm", "install", *told], folder)
        stamp.write_text(_digest(_PACKAGE))
    shutil.copy(PEERS / "node" / "load.mjs", folder)
    return folder


def version_of(python: Path, package: str) -> str:
    """Return the version of an installed Python package."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return _do([str(python), "-c", code], python.parent)


def node_version(folder: Path) -> str:
    """Return the versions of the SDK and of Node."""
    code = "console.log(require('@aws-sdk/lib-dynamodb/package.json').version, process.version)"
    sdk, node = _do(["node", "-e", code], folder).split()
    return f"{sdk}, Node {node.removeprefix('v')}"


def _stands(stamp: Path, pinned: Path) -> bool:
    return stamp.exists() and stamp.read_text() == _digest(pinned)


def _digest(pinned: Path) -> str:
    return hashlib.sha256(pinned.read_bytes()).hexdigest()


def _do(line: Sequence[str], folder: Path) -> str:
    """Run a command in *folder* and return what it printed; its last words are the error's."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        ended = subprocess.run(
            line, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{line[0]}: {error}") from error
    if ended.returncode:
        raise BenchError(f"{' '.join(line[:4])} failed: {ended.stderr.strip()[-600:]}")
    return ended.stdout.strip()
