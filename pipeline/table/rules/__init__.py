"""
DynamoDB's write rules for one item, checked without asking the service.

An item that passes is taken by DynamoDB Local 3.3.1, and one that is refused is refused there too,
but for what docs/dynamodb-rules.md lists as refused on purpose. The rules of a whole request (25
items, 16 MB, no key twice) are the batcher's.
"""

from pipeline.table.rules.items import ItemRules
from pipeline.table.rules.keys import (
    MAX_PARTITION_BYTES,
    MAX_SORT_BYTES,
    Index,
    KeyAttribute,
    KeyType,
)
from pipeline.table.rules.values import MAX_NAME_BYTES, MAX_NESTING, TYPES, Rule

__all__ = [
    "MAX_NAME_BYTES",
    "MAX_NESTING",
    "MAX_PARTITION_BYTES",
    "MAX_SORT_BYTES",
    "TYPES",
    "Index",
    "ItemRules",
    "KeyAttribute",
    "KeyType",
    "Rule",
]
