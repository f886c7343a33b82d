"""boto3's `Table.batch_writer`, as its guide shows it."""

from __future__ import annotations

import boto3  # type: ignore[import-not-found]  # it lives in the peers' own environment

from bench.throughput.peers.source import ENDPOINT, REGION, TABLE, items


def main() -> None:
    """Write all items."""
    table = boto3.resource("dynamodb", region_name=REGION, endpoint_url=ENDPOINT).Table(TABLE)
    with table.batch_writer() as batch:
        for item in items():
            batch.put_item(Item=item)


if __name__ == "__main__":
    main()
