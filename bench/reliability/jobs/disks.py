"""Disks that fill: ways to start the program so that one of its files cannot be written."""

from __future__ import annotations

import errno
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Target", "broken_call", "mounts_allowed", "on_small_disk", "read_only", "size_limit"]

Target = Literal["dead-letter.jsonl", ".checkpoint.new", "log.jsonl"]

_CAT: Final = """
import os, sys
# The report's way out must not be limited: it goes through a child.
source, out = os.pipe()
child = os.fork()
if not child:
    os.dup2(source, 0)
    os.close(out)
    os.execvp("cat", ["cat"])
os.close(source)
os.dup2(out, 1)
os.close(out)
"""

_MAIN: Final = """
try:
    from pipeline.cli import main
    main()
finally:
    sys.stdout.flush()
    os.close(1)
    os.waitpid(child, 0)
"""

_LIMIT: Final = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""

_BREAK: Final = """
import pipeline.cli
real, left = os.{call}, [{after}]
def broken(descriptor, *arguments):
    try:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{{descriptor}}"))
    except OSError:
        name = ""
    if name == {target!r}:
        left[0] -= 1
        if left[0] < 0:
            raise OSError({number}, os.strerror({number}))
    return real(descriptor, *arguments)
os.{call} = broken
"""


@dataclass(frozen=True, slots=True)
class _Shell:
    """A script that runs the program, as ``"$@"``, in a mount namespace of its own."""

    script: str

    def launcher(self) -> tuple[str, ...]:
        line = ["unshare", "-rm", "sh", "-ec", self.script, "sh"]
        code = (
            "import os, sys; "
            f"os.execvp('unshare', [*{line!r}, sys.executable, '-m', 'pipeline', *sys.argv[1:]])"
        )
        return ("-c", code)


def size_limit(size: int) -> tuple[str, ...]:
    """No file may grow over *size* bytes (RLIMIT_FSIZE: EFBIG)."""
    return ("-c", _CAT + _LIMIT.format(size=size) + _MAIN)


def broken_call(
    call: Literal["write", "fsync"], target: Target, after: int, *, number: int = errno.ENOSPC
) -> tuple[str, ...]:
    """Let every *call* on the file *target* fail with errno *number*, but for the first *after*."""
    broken = _BREAK.format(call=call, target=target, after=after, number=number)
    return ("-c", _CAT + broken + _MAIN)


def on_small_disk(runs: str, size: str) -> tuple[str, ...]:
    """Keep the runs on a disk of *size*; what is there in the end is copied back to *runs*."""
    script = (
        f"mkdir -p {runs} {runs}.full; mount -t tmpfs -o size={size} tmpfs {runs}; code=0; "
        f'"$@" || code=$?; cp -a {runs}/. {runs}.full; umount {runs}; cp -a {runs}.full/. {runs}; '
        "exit $code"
    )
    return _Shell(script).launcher()


def read_only(runs: str) -> tuple[str, ...]:
    """Keep the runs on a disk that cannot be written to."""
    mounts = f"mkdir -p {runs}; mount --bind {runs} {runs}; mount -o remount,bind,ro {runs}"
    return _Shell(f'{mounts}; exec "$@"').launcher()


def mounts_allowed() -> bool:
    """Tell whether this machine lets us mount in a namespace of our own."""
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0
