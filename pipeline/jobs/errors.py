"""
Every error of the job service that a caller may see; its type says what to answer.

::

    JobsError
    ├── UnknownPipelineError   no definition of the folder has this name
    ├── UnknownJobError        no job has this id
    ├── BadDefinitionError     the definition on disk is broken; `problem` says how
    ├── BadUploadError         the records are not what they are said to be (no gzip, cut short)
    ├── BadCursorError         a page is asked for that no page before led to
    ├── KeyReusedError         the idempotency key stands for another request
    ├── WrongStateError        the job is not in a state for this
    ├── TooLargeError          an upload is larger than is taken, packed or unpacked
    ├── QueueFullError         as many jobs wait as may; `retry_after_s`
    ├── SpoolFullError         no room for the upload now
    ├── StoreError             the jobs cannot be read or written just now
    └── ClosingError           the service is closing

No text holds a path of the machine, a value of an item, or a secret. What is wrong before there is
a service (the runs folder is another server's, the jobs on disk are unreadable) is a `UsageError`.
"""

from __future__ import annotations

from pipeline.errors import PipelineError

__all__ = [
    "BadCursorError",
    "BadDefinitionError",
    "BadUploadError",
    "ClosingError",
    "JobsError",
    "KeyReusedError",
    "QueueFullError",
    "SpoolFullError",
    "StoreError",
    "TooLargeError",
    "UnknownJobError",
    "UnknownPipelineError",
    "WrongStateError",
]


class JobsError(PipelineError):
    """What the job service refuses, and why."""


class UnknownPipelineError(JobsError):
    """No definition of the folder has this name."""


class UnknownJobError(JobsError):
    """No job has this id."""


class BadDefinitionError(JobsError):
    """The definition is broken, or cannot be served like this; *problem* is for its author."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class BadUploadError(JobsError):
    """The bytes of an upload are not what they are said to be."""


class BadCursorError(JobsError):
    """A cursor does not stand where a page could begin."""


class KeyReusedError(JobsError):
    """An idempotency key came with another request than before."""


class WrongStateError(JobsError):
    """The job is not in a state for this; the text names it."""


class TooLargeError(JobsError):
    """An upload is larger than is taken; the text says how much is."""


class QueueFullError(JobsError):
    """As many jobs wait as may; in *retry_after_s* seconds there may be room."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SpoolFullError(JobsError):
    """There is no room for an upload, because of others or of the disk."""


class StoreError(JobsError):
    """The disk does not take or give what is known of the jobs; nothing was changed."""


class ClosingError(JobsError):
    """The service is closing and takes no jobs."""
