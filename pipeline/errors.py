"""
Every error of the pipeline; its type says what to do about it.

::

    PipelineError
    ├── UsageError            stop before the first write (exit code 2)
    │   ├── DefinitionError       the YAML file or a --set is wrong; carries every problem
    │   └── PreflightError        table, credentials, endpoint or source are not as they must be
    │       └── UnreachedError        the endpoint does not answer now; later it may
    ├── StopRunError          stop the run (exit code 3); what was settled stays settled
    │   ├── SourceCorruptError    the source cannot be read to its end
    │   ├── TableStopError        the table refuses the whole job: credentials, no such table
    │   ├── OutageError           no item was accepted for longer than `retry.max_outage`
    │   ├── RejectLimitError      more than `errors.max_rejected`
    │   ├── StorageError          dead letters or state cannot be written
    │   └── StageError            a stage broke its contract: a bug of ours
    ├── RetryError            send again after a pause
    │   ├── ThrottledError        the table says: not now; never uses up an attempt
    │   ├── TransientError        5xx, a broken connection, an ambiguous answer; counts attempts
    │   └── DeniedError           the whole job is refused: keys, permission, no table; counts too
    ├── IsolateError          one item of the request poisons it: split and send again
    └── Refused               reject one record or item, with its violations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Violation

__all__ = [
    "DefinitionError",
    "DeniedError",
    "IsolateError",
    "OutageError",
    "PipelineError",
    "PreflightError",
    "Refused",
    "RejectLimitError",
    "RetryError",
    "SourceCorruptError",
    "StageError",
    "StopRunError",
    "StorageError",
    "TableStopError",
    "ThrottledError",
    "TransientError",
    "UnreachedError",
    "UsageError",
]


class PipelineError(Exception):
    """Any error that this package raises on purpose."""


class UsageError(PipelineError):
    """
    Something is wrong that shows before the first write; its text says what to do.

    *quoted* is the end of its text that quotes the source, and only for who has that before him:
    *discreet* is the text without it.
    """

    def __init__(self, message: str, *, quoted: str = "") -> None:
        super().__init__(message + quoted)
        self.discreet = message


class DefinitionError(UsageError):
    """The definition is wrong; the text lists every problem with file, line and column."""


class PreflightError(UsageError):
    """The table, the credentials, the endpoint or the source is not as it must be."""


class UnreachedError(PreflightError):
    """The endpoint does not answer, after several tries; the same load may be possible later."""


class StopRunError(PipelineError):
    """The run cannot go on; `reason` is the constant name that the report shows."""

    reason = "failed"


class SourceCorruptError(StopRunError):
    """The source ends early, is damaged, or is not what its form promises."""

    reason = "source_corrupt"


class TableStopError(StopRunError):
    """The table refuses every request for a reason that waiting does not mend."""

    reason = "table_refused"


class OutageError(StopRunError):
    """Nothing was accepted by the table for longer than `retry.max_outage`."""

    reason = "outage"


class RejectLimitError(StopRunError):
    """More records were rejected than `errors.max_rejected` allows."""

    reason = "max_rejected"


class StorageError(StopRunError):
    """The run's own files (dead letters, state) cannot be written."""

    reason = "storage"


class StageError(StopRunError):
    """A stage broke its contract; this is a bug of the pipeline, not of the data."""

    reason = "internal_error"


class RetryError(PipelineError):
    """
    The request was not, or not surely, carried out; sending it again may help.

    *code* names what was answered, for the log. *after* are the seconds that the service asks to
    wait, None if it does not say.
    """

    def __init__(self, message: str, *, code: str = "", after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.after = after


class ThrottledError(RetryError):
    """The table refused for capacity; `reasons` are its ThrottlingReasons, if it gave any."""

    def __init__(
        self,
        message: str,
        *,
        reasons: Sequence[str] = (),
        code: str = "",
        after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, after=after)
        self.reasons = tuple(reasons)


class TransientError(RetryError):
    """A server fault, a broken connection, or an answer that does not say what happened."""


class DeniedError(RetryError):
    """
    The service refuses the whole job: credentials, permission, no such table.

    Tried again a few times, since tokens are renewed and tables come back; if it stays so the run
    stops. It never costs a record.
    """


class IsolateError(PipelineError):
    """The service refused the whole request because of at least one item in it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Refused(PipelineError):  # noqa: N818 - a verdict about a record, read as one
    """One record (or item) is refused; `violations` says why, most telling first."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations
