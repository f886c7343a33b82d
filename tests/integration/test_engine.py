"""The real engine that the other tests take for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine import tables

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


async def make_table(client: DynamoDBClient, name: str) -> None:
    """Create a table with one text key."""
    await client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


async def test_a_scan_reads_every_page(table_client: DynamoDBClient) -> None:
    """More than the 1 MB of one answer comes back whole, with values."""
    await make_table(table_client, "Large")
    for number in range(5):
        item = {"PK": {"S": str(number)}, "filler": {"S": "x" * 390_000}}
        await table_client.put_item(TableName="Large", Item=item)
    items = await tables.scan_all(table_client, "Large")
    assert sorted(item["PK"]["S"] for item in items) == ["0", "1", "2", "3", "4"]
    assert all(len(item["filler"]["S"]) == 390_000 for item in items)


async def test_each_access_key_has_its_own_tables(
    dynamodb_local: str, table_client: DynamoDBClient
) -> None:
    """Two tests can use one table name at the same time."""
    await make_table(table_client, "Users")
    async with tables.connect(dynamodb_local, tables.new_access_key()) as other:
        assert (await other.list_tables())["TableNames"] == []
