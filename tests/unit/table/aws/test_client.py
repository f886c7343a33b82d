"""The reading of an answer does not depend on what the answers before were."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import TransientError
from pipeline.model import Item, Record
from pipeline.table.aws.client import DynamoTable
from pipeline.table.description import TableDescription
from pipeline.table.encoding import Encoder
from pipeline.table.http.response import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = b'{"ConsumedCapacity":[{"CapacityUnits":2.0,"TableName":"T"}],"UnprocessedItems":{}}'
ONE_LEFT = b'{"UnprocessedItems":{"T":[{"PutRequest":{"Item":{"PK":{"S":"b"}}}}]}}'

ENCODER = Encoder(
    TableDescription.from_response(
        {
            "TableName": "T",
            "TableStatus": "ACTIVE",
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
        }
    )
)

ITEMS = [
    Item((name,), b'{"PutRequest":{}}', 1, Record(0, 1, 0, 2, b"{}"), 0, "part") for name in "ab"
]


class Script:
    """Answers with what it is given, one after the other."""

    def __init__(self, answers: Sequence[Response]) -> None:
        self._answers = iter(answers)

    async def send(self, _body: bytes, _wires: Sequence[bytes], /) -> Response:
        """Answer."""
        return next(self._answers)


def table(*answers: Response) -> DynamoTable:
    """Make a table that answers so."""
    return DynamoTable(Script(answers), "T", ENCODER)


def good(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Make a 200 with a right checksum, unless *headers* say otherwise."""
    return Response(200, {"x-amz-crc32": str(zlib.crc32(body)), **(headers or {})}, body)


async def test_the_same_body_says_the_same() -> None:
    """With a checksum, without one, and again behind one that hands something back."""
    one = table(good(ALL), good(ALL), Response(200, {}, ALL), good(ONE_LEFT), good(ALL))
    answers = [await one.write(ITEMS) for _ in range(5)]
    assert [(list(answer.unprocessed), answer.consumed) for answer in answers] == [
        ([], 2.0),
        ([], 2.0),
        ([], 2.0),
        (ITEMS[1:], 0.0),
        ([], 2.0),
    ]


@pytest.mark.parametrize("headers", [{"x-amz-crc32": "1"}, {"content-encoding": "gzip"}])
async def test_a_body_that_was_good_before_is_not_believed_for_that(
    headers: Mapping[str, str],
) -> None:
    """Where its checksum is another, or it says that it is encoded."""
    one = table(good(ALL), good(ALL, headers))
    await one.write(ITEMS)
    with pytest.raises(TransientError):
        await one.write(ITEMS)


async def test_items_handed_back_are_read_each_time() -> None:
    """The same body again, to other items, hands back what was not sent."""
    one = table(good(ONE_LEFT), good(ONE_LEFT))
    await one.write(ITEMS)
    with pytest.raises(TransientError):
        await one.write(ITEMS[:1])


@pytest.mark.parametrize("handed", [b"{}", b'""', b"null", b"0", b"false"])
async def test_what_is_no_list_of_items_says_nothing(handed: bytes) -> None:
    """An empty one of another kind is not taken for a list in which nothing is handed back."""
    one = table(good(b'{"UnprocessedItems":{"T":' + handed + b"}}"))
    with pytest.raises(TransientError):
        await one.write(ITEMS)
