"""Whether a pipeline runs elsewhere, by its job lock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_locked"]


def is_locked(runs: Path, pipeline: str) -> bool:
    """
    Tell whether somebody holds the lock of job *pipeline*. Blocks.

    A look takes a shared lock for a moment, which whoever wants the whole one waits out (see
    `pipeline.state.joblock`). What cannot be looked at is not held: the run will say why.
    """
    import fcntl  # noqa: PLC0415 - POSIX only: the package must import elsewhere

    try:
        descriptor = os.open(runs / pipeline / ".lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
