"""Verify: read compressed and expected parts as a whole before the first write."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipeline.errors import PreflightError, SourceCorruptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.compose.stages import Input
    from pipeline.observe.logs import Log
    from pipeline.observe.metrics import Metrics
    from pipeline.sources.base import Part
    from pipeline.stages.producer import Producer

__all__ = ["Verification", "check_expectation", "check_stream"]


class Verification:
    """
    The reading of a whole source ahead of the load.

    *known* are the SHA-256 that an earlier attempt found: such a part must still have it. *wanted*
    is what the definition says. *inflate* false trusts compressed parts that nobody has verified.
    """

    def __init__(
        self,
        known: Mapping[str, str],
        wanted: str | None,
        metrics: Metrics,
        log: Log,
        *,
        inflate: bool,
    ) -> None:
        self._known = known
        self._wanted = wanted
        self._metrics = metrics
        self._log = log
        self._inflate = inflate

    async def run(self, read: Input) -> dict[str, str]:
        """
        Return the SHA-256 of every part that was read, by name.

        Raise `SourceCorruptError` for one that is damaged, or is not what it was, or should be.
        """
        found: dict[str, str] = {}
        try:
            for part in read.parts:
                digest = await self._read(read, part)
                if digest is not None:
                    found[part.name] = digest
                    self._compare(part, digest)
        except SourceCorruptError as error:
            error.add_note("stage: producer")  # whose source it is
            raise
        finally:
            self._metrics.activity = None
        return found

    async def _read(self, read: Input, part: Part) -> str | None:
        known = part.name in self._known
        whole = part.compression != "none" and self._inflate and not known
        if not (whole or known or self._wanted is not None):
            return None
        self._log.info("source.verifying", part=part.name, bytes=part.size)
        began = time.monotonic()

        def passed(done: int) -> None:
            share = f"{done / part.size:.0%}" if part.size else ""
            self._metrics.activity = f"verifying {part.name} {share}"

        if whole:
            verified = await read.source.verify(part, passed)
            digest = None if verified is None else verified.sha256
            if verified is not None and not verified.checked:
                self._warn_of_missing_checksum(part)
        else:
            digest = await read.source.digest(part, passed)
        seconds = round(time.monotonic() - began, 3)
        facts = {"part": part.name, "sha256": digest, "inflated": whole, "seconds": seconds}
        self._log.info("source.verified", **facts)
        return digest

    def _warn_of_missing_checksum(self, part: Part) -> None:
        warning = (
            f"{part.name!r} carries no checksum of its text (zstd --check writes one): that it can "
            "be inflated to its end is all that is known of it"
        )
        self._metrics.warnings.append(warning)
        self._log.warning("run.warning", message=warning)

    def _compare(self, part: Part, digest: str) -> None:
        known = self._known.get(part.name, digest)
        if known != digest:
            raise SourceCorruptError(
                f"{part.name!r} is not the file that this run began with (SHA-256 {known[:12]}…, "
                f"now {digest[:12]}…); put it back and run again, or start over with --fresh"
            )
        if self._wanted is not None and self._wanted != digest:
            raise SourceCorruptError(_not_expected(part.name, digest, self._wanted))


def _not_expected(name: str, digest: str, wanted: str) -> str:
    return (
        f"{name!r} has the SHA-256 {digest}, and source.expect says {wanted}: it is not whole, or "
        "not the one that was meant"
    )


def check_expectation(read: Input, wanted: str | None) -> None:
    """Raise `PreflightError` where one SHA-256 is to stand for several parts."""
    if wanted is not None and len(read.parts) != 1:
        raise PreflightError(
            f"source.expect.sha256 is for a source of one file, and this one has {len(read.parts)}"
        )


def check_stream(read: Input, wanted: str | None, producer: Producer) -> None:
    """Compare the SHA-256 of a stream, which is known only when it has ended."""
    found = read.source.sha256
    if wanted is None or found is None or not producer.exhausted or found == wanted:
        return
    raise SourceCorruptError(_not_expected(read.parts[0].name, found, wanted))
