"""
Credentials: found by the SDK's own chain, and found again when the service refuses them.

Imported only where a client is opened, since it brings the SDK with it.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from aiobotocore.credentials import AioCredentials
from botocore.exceptions import NoCredentialsError

from pipeline.table.aws import codes
from pipeline.table.aws.scrub import redact
from pipeline.table.http.signing import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from botocore.credentials import Credentials, ReadOnlyCredentials

__all__ = ["RenewableCredentials", "Renewed"]

_PAUSE: Final = 10.0
"""Seconds between two renewals: what is refused as new as this is not mended by another."""

_PATIENCE: Final = 20.0
"""Seconds that a renewal may take: some providers ask a network that may be gone."""

_signed_with: ContextVar[int] = ContextVar("signed_with")


class RenewableCredentials(AioCredentials):
    """
    The credentials of a client, which can be replaced while requests are under way.

    *find* resolves them from scratch, so that a renewed file, SSO session or process is seen; None
    if there are none. Each generation is renewed once, whoever asks first; the others wait for it.
    """

    def __init__(
        self, first: Credentials, find: Callable[[], Awaitable[Credentials | None]]
    ) -> None:
        super().__init__("", "")
        self.method = first.method
        self._current: Any = first  # the SDK's stubs call an awaited method plain
        self._find = find
        self._lock = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._frozen: ReadOnlyCredentials | None = None
        self.generation = 0
        self.trouble = ""

    async def get_frozen_credentials(  # type: ignore[override]  # as in the class above it
        self,
    ) -> ReadOnlyCredentials | None:
        """Return the keys to sign with now."""
        _signed_with.set(self.generation)
        self._frozen = await self._current.get_frozen_credentials()
        return self._frozen

    async def get_account_id(self) -> str | None:  # type: ignore[override]  # the SDK awaits either
        """Return the account, for endpoints that have it in their name."""
        frozen = await self._current.get_frozen_credentials()
        return getattr(frozen, "account_id", None)

    async def renew(self, generation: int) -> None:
        """Replace the credentials of *generation*, unless somebody has; *trouble* says why not."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if generation != self.generation or clock() - self._renewed_at < _PAUSE:
                return
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._replace()
            except Exception as error:  # noqa: BLE001 - providers raise what they like
                # By its class alone: such texts hold paths, commands and answers of others.
                self.trouble = f"they could not be renewed: {type(error).__name__}"
            self._renewed_at = clock()

    async def _replace(self) -> None:
        found: Any = await self._find()
        if found is None:
            self.trouble = "they could not be renewed: none are found any more"
            return
        await found.get_frozen_credentials()
        self._current = found
        self.generation += 1
        self.trouble = ""

    async def after_call(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        """
        Take the keys out of what an answer says, and renew them if it refuses them to a write.

        A handler of the SDK's event ``after-call``. Before the first write nothing is renewed: then
        whoever started the run is still there.
        """
        error = parsed.get("Error")
        if not error:
            return
        message = str(error.get("Message", ""))
        if self._frozen is not None:
            message = redact(
                message, (self._frozen.secret_key, self._frozen.token, self._frozen.access_key)
            )
        if error.get("Code") in codes.CREDENTIAL and model.name == "BatchWriteItem":
            await self.renew(_signed_with.get(self.generation))
            if self.trouble:
                message = f"{message}; {self.trouble}"
        error["Message"] = message


class Renewed:
    """Renewable credentials as our own transport asks for them; see `signing.Credentials`."""

    def __init__(self, found: RenewableCredentials) -> None:
        self._found = found
        self._keys = Keys("", "")

    async def current(self) -> Keys:
        """Return the keys to sign with now; the same object for as long as they are the same."""
        generation = self._found.generation
        frozen = await self._found.get_frozen_credentials()
        if frozen is None:
            raise NoCredentialsError
        keys = Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token, generation)
        if keys != self._keys:
            self._keys = keys
        return self._keys

    async def refused(self, generation: int, /) -> str:
        """Renew the keys of *generation*; return why that was not possible, if so."""
        await self._found.renew(generation)
        return self._found.trouble
