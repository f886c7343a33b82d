"""What every test can ask for: a clean environment, the real engine, a client of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import blocking
from tests.engine import tables
from tests.engine.local import DynamoDBLocal
from tests.engine.readiness import EngineAbsent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from typing import Any

    from types_aiobotocore_dynamodb.client import DynamoDBClient

REQUIRE_VARIABLE = "PIPELINE_REQUIRE_ENGINE"
ENGINE = pytest.StashKey[DynamoDBLocal]()

# A deadline would measure the machine. CI has a profile of its own in hypothesis: it is repeatable.
hypothesis.settings.register_profile("here", deadline=None)
if not os.environ.get("CI"):
    hypothesis.settings.load_profile("here")


def pytest_configure(config: pytest.Config) -> None:
    """Keep one engine for the session; nothing is started here."""
    config.stash[ENGINE] = DynamoDBLocal()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the engine, also after a crash of the run."""
    config.stash[ENGINE].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the engine, so that ``-m "not engine"`` leaves it out."""
    for item in items:
        if "dynamodb_local" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the engine before the first test: fetching it may take longer than a test's limit."""
    wanted = any(item.get_closest_marker("engine") for item in session.items)
    if wanted and not session.config.option.collectonly:
        try:
            session.config.stash[ENGINE].endpoint()
        except EngineAbsent:
            return  # each test that needs it says so


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or writes with, the credentials of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def dynamodb_local(pytestconfig: pytest.Config) -> str:
    """
    Give the URL of the real DynamoDB Local.

    Skips where this machine cannot have one; fails instead where PIPELINE_REQUIRE_ENGINE=1.
    """
    try:
        return pytestconfig.stash[ENGINE].endpoint()
    except EngineAbsent as absent:
        reason = f"no DynamoDB Local here: {absent}"
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{REQUIRE_VARIABLE}=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def access_key() -> str:
    """Give this test's own access key id: no other test sees its tables."""
    return tables.new_access_key()


@pytest.fixture
def credentials(access_key: str, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Set, and give, the environment in which the SDK finds this test's access key by itself."""
    variables = tables.credentials_of(access_key)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
async def table_client(dynamodb_local: str, access_key: str) -> AsyncIterator[DynamoDBClient]:
    """Give an AWS client on the real engine, with this test's access key."""
    async with tables.connect(dynamodb_local, access_key) as client:
        yield client


@pytest.fixture
def scan_all() -> Callable[[DynamoDBClient, str], Awaitable[list[Mapping[str, Any]]]]:
    """Give the function that reads a whole table: see tests.engine.tables."""
    return tables.scan_all


@pytest.fixture
def no_blocking() -> Iterator[None]:
    """Fail a test in which the package blocks the event loop: opens a file, connects."""
    with blocking.no_blocking():
        yield
