"""The engines that keep one contract: the embedded one and the real DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from pipeline.embedded import serve
from tests.contract.engine_calls import Calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def embedded() -> AsyncIterator[Calls]:
    """Give an embedded engine without tables."""
    async with aiohttp.ClientSession() as session, serve(None) as endpoint:
        yield Calls("embedded", endpoint.url, "TEST", session)


@pytest.fixture
async def local(dynamodb_local: str, access_key: str) -> AsyncIterator[Calls]:
    """Give the real DynamoDB Local, for this test without tables."""
    async with aiohttp.ClientSession() as session:
        yield Calls("local", dynamodb_local, access_key, session)


@pytest.fixture(params=["embedded", pytest.param("local", marks=pytest.mark.engine)])
def engine(request: pytest.FixtureRequest) -> Calls:
    """Give an engine without tables; each test runs on both."""
    calls: Calls = request.getfixturevalue(request.param)
    return calls
