"""Credentials are found again once a generation, for all writers together, and never shown."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiobotocore.credentials import AioCredentials

from pipeline.table.aws.credentials import RenewableCredentials
from tests.clock import run

if TYPE_CHECKING:
    from collections.abc import Callable

WRITE = SimpleNamespace(name="BatchWriteItem")
DESCRIBE = SimpleNamespace(name="DescribeTable")


class Chain:
    """A chain of providers that gives new keys each time, after a second."""

    def __init__(self, fault: Callable[[], Exception | None] = lambda: None) -> None:
        self.asked = 0
        self.fault = fault

    async def find(self) -> AioCredentials | None:
        """Look for keys."""
        self.asked += 1
        await asyncio.sleep(1)
        if (fault := self.fault()) is not None:
            raise fault
        return AioCredentials(f"key-{self.asked}", "secret", f"token-{self.asked}")


def make(chain: Chain) -> RenewableCredentials:
    """Make credentials that *chain* renews."""
    return RenewableCredentials(AioCredentials("key-0", "secret-0", "token-0"), chain.find)


def refusal(code: str = "ExpiredTokenException", message: str = "expired") -> dict[str, Any]:
    """Make a parsed answer that refuses."""
    return {"Error": {"Code": code, "Message": message}}


async def request(credentials: RenewableCredentials, answer: dict[str, Any]) -> str:
    """Sign a request, and let *answer* be what comes back; return the key it was signed with."""
    frozen = await credentials.get_frozen_credentials()
    await credentials.after_call(parsed=answer, model=WRITE)
    assert frozen is not None
    return str(frozen.access_key)


def test_writers_that_are_refused_together_share_one_renewal() -> None:
    """The first one renews, the others wait for it, and all sign with the new keys."""
    chain = Chain()
    credentials = make(chain)

    async def main() -> set[str]:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(request(credentials, refusal()))
        return {await request(credentials, {}) for _ in range(5)}

    assert run(main()) == {"key-1"}
    assert chain.asked == 1


def test_a_late_complaint_about_old_keys_renews_nothing() -> None:
    """A request that was signed before the renewal says nothing about the keys after it."""
    chain = Chain()
    credentials = make(chain)

    async def late() -> None:
        await credentials.get_frozen_credentials()
        await asyncio.sleep(60)
        await credentials.after_call(parsed=refusal(), model=WRITE)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(late())
            group.create_task(request(credentials, refusal()))

    run(main())

    assert chain.asked == 1


def test_keys_that_are_refused_again_are_renewed_after_a_while() -> None:
    """What is seconds old is not mended by another; each later generation has its turn."""
    chain = Chain()
    credentials = make(chain)

    async def main() -> list[int]:
        asked = []
        for pause in (0, 1, 1, 10, 1, 10):
            await asyncio.sleep(pause)
            await request(credentials, refusal())
            asked.append(chain.asked)
        return asked

    assert run(main()) == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("code", "model"),
    [
        ("AccessDeniedException", WRITE),
        ("ValidationException", WRITE),
        ("InternalServerError", WRITE),
        ("ExpiredTokenException", DESCRIBE),
    ],
)
def test_only_refused_keys_of_a_write_are_renewed(code: str, model: SimpleNamespace) -> None:
    """A missing permission is none of the keys' fault, and before a load somebody is there."""
    chain = Chain()
    credentials = make(chain)

    async def main() -> None:
        await credentials.get_frozen_credentials()
        await credentials.after_call(parsed=refusal(code), model=model)

    run(main())

    assert chain.asked == 0


def test_a_renewal_that_fails_is_told_without_its_text() -> None:
    """The message names the class of the error: the rest may hold what a process printed."""
    chain = Chain(lambda: OSError("secret-0 is in this text"))
    credentials = make(chain)
    answer = refusal()

    assert run(request(credentials, answer)) == "key-0"
    assert answer["Error"]["Message"] == "expired; they could not be renewed: OSError"


def test_a_renewal_that_hangs_is_given_up() -> None:
    """A provider may ask a network that is gone; the old keys stay until the next try."""

    async def hang() -> None:
        await asyncio.sleep(3_600)

    credentials = RenewableCredentials(AioCredentials("key-0", "secret-0"), hang)
    answer = refusal()

    async def main() -> float:
        await request(credentials, answer)
        return asyncio.get_running_loop().time()

    assert run(main()) == 20.0
    assert "TimeoutError" in answer["Error"]["Message"]


def test_where_there_are_none_any_more_it_is_said() -> None:
    """A credentials file that was removed."""

    async def nothing() -> None:
        return None

    credentials = RenewableCredentials(AioCredentials("key-0", "secret-0"), nothing)
    answer = refusal()
    run(request(credentials, answer))

    assert "none are found" in answer["Error"]["Message"]


def test_no_answer_repeats_the_keys() -> None:
    """The service's text is cleared of the live keys by value, whatever they look like."""
    credentials = make(Chain())
    answer = refusal("ValidationException", "signed with key-0, secret-0 and token-0")

    run(request(credentials, answer))

    assert answer["Error"]["Message"] == "signed with …, … and …"


def test_the_account_is_that_of_the_keys_in_use() -> None:
    """Endpoints with the account in their name ask for it before each request."""

    async def other() -> AioCredentials:
        return AioCredentials("key-1", "secret-1", account_id="222")

    first = AioCredentials("key-0", "secret-0", account_id="111")
    credentials = RenewableCredentials(first, other)

    async def main() -> tuple[str | None, str | None]:
        before = await credentials.get_account_id()
        await request(credentials, refusal())
        return before, await credentials.get_account_id()

    assert run(main()) == ("111", "222")
