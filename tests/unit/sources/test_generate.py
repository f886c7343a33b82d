"""Made-up users: a function of seed and number, in constant memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.model import Position
from pipeline.sources import GenerateSpec, open_source
from tests.unit.sources.drive import outcomes_of, read_all, read_part, records_of

if TYPE_CHECKING:
    from pipeline.model import Chunk


async def _chunks(count: int, seed: int = 0) -> list[Chunk]:
    return await read_all(open_source(GenerateSpec(count, seed)))


async def _users(count: int, seed: int = 0) -> list[dict[str, Any]]:
    source = open_source(GenerateSpec(count, seed))
    return outcomes_of(source, await read_all(source))


async def test_users_are_realistic() -> None:
    """Every field has the type and the range that a schema for users would ask for."""
    users = await _users(2_000)

    for user in users:
        assert 18 <= user["age"] <= 90
        assert isinstance(user["balance"], Decimal)
        assert user["balance"] == round(user["balance"], 2)
        assert user["active"] in (True, False)
        assert 1 <= len(user["roles"]) == len(set(user["roles"])) <= 3
        assert len(user["tags"]) == len(set(user["tags"])) <= 3
        assert user["address"]["country"] == user["country"]
        assert len(user["country"]) == 2
        assert user["email"].isascii()
        signup = datetime.fromisoformat(user["signup_at"])
        if user["last_login"] is not None:
            assert datetime.fromisoformat(user["last_login"]) >= signup
    assert len({user["user_id"] for user in users}) == 2_000
    assert len({user["email"] for user in users}) == 2_000
    assert len({user["name"] for user in users}) > 1_000
    assert any(user["last_login"] is None for user in users)
    assert any(not user["name"].isascii() for user in users)
    assert {user["age"] for user in users} == {*range(18, 91)}


async def test_the_same_user_for_ever() -> None:
    """What number 0 of seed 0 is never changes: definitions and demos rely on it."""
    (record,) = records_of(await _chunks(1))

    assert hashlib.sha256(record.raw).hexdigest()[:16] == "21987524d059b805"


async def test_other_processes_make_the_same_users() -> None:
    """Neither the hash seed nor anything else of the process has a say."""
    program = (
        "import hashlib, orjson; from pipeline.sources.generate import make_users; "
        "users = make_users(5); "
        "print(hashlib.sha256(b''.join(orjson.dumps(users(i)) for i in range(99))).hexdigest())"
    )
    command = [sys.executable, "-c", program]
    made = {
        subprocess.run(  # noqa: ASYNC221 - our own program, and nothing else runs
            command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }

    here = hashlib.sha256(b"".join(record.raw for record in records_of(await _chunks(99, 5))))
    assert made == {here.hexdigest().encode()}


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1_000, 1_001, 2_345])
async def test_as_many_as_asked_for(count: int) -> None:
    """Neither more nor less, in order, whatever the size of a chunk."""
    chunks = await _chunks(count)

    assert [record.ordinal for record in records_of(chunks)] == [*range(count)]
    assert all(0 < len(chunk.records) <= 1_000 for chunk in chunks)


async def test_a_longer_run_begins_like_a_shorter_one() -> None:
    """User i does not depend on how many are made; another seed makes other users."""
    long = [record.raw for record in records_of(await _chunks(1_500))]

    assert [record.raw for record in records_of(await _chunks(700))] == long[:700]
    assert {record.raw for record in records_of(await _chunks(700, seed=1))}.isdisjoint(long)


async def test_reading_resumes_exactly() -> None:
    """From any position come the users that one clean read has after it."""
    source = open_source(GenerateSpec(3_000))
    (part,) = await source.parts()
    clean = await read_part(source, part)

    assert part.records == 3_000
    for chunk in clean:
        rest = records_of(await read_part(source, part, chunk.end))
        assert rest == records_of(clean)[chunk.end.record :]
    assert await read_part(source, part, Position(part.name, 3_000, 3_000, 3_000)) == []


async def test_memory_does_not_grow_with_the_count() -> None:
    """Users are made as they are read: the last of ten billion is as cheap as the first."""
    source = open_source(GenerateSpec(10_000_000_000))
    (part,) = await source.parts()
    far = 9_999_999_000
    tracemalloc.start()
    try:
        chunks = await read_part(source, part, Position(part.name, far, far, far))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert sum(len(chunk.records) for chunk in chunks) == 1_000
    assert peak < 16 * 1024 * 1024
