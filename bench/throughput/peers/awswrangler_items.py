"""awswrangler's `dynamodb.put_items` with five threads, 5,000 items a call."""

from __future__ import annotations

import awswrangler as wr  # type: ignore[import-not-found]  # in the peers' environment

from bench.throughput.peers.source import ENDPOINT, TABLE, batches


def main() -> None:
    """Write all items."""
    wr.config.dynamodb_endpoint_url = ENDPOINT
    # The whole list in one call would be its plainest use; in parts, memory stays bounded.
    for batch in batches(5_000):
        wr.dynamodb.put_items(items=batch, table_name=TABLE, use_threads=5)


if __name__ == "__main__":
    main()
