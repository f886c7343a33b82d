"""The tables on which the corpus of rules is judged, and what the engine says of each rule."""

from __future__ import annotations

from typing import Any

from pipeline.table.rules import Index, ItemRules, KeyAttribute

__all__ = ["ENGINE_TEXTS", "RULES", "TABLES", "create_request"]

_PK = KeyAttribute("pk", "S", "partition")
_SK = KeyAttribute("sk", "S", "sort")
_GK = KeyAttribute("gk", "S", "partition")
_GN = KeyAttribute("gn", "N", "sort")
_LK = KeyAttribute("lk", "S", "sort")
_LB = KeyAttribute("lb", "B", "sort")

RULES = {
    "text": ItemRules(
        (_PK, _SK),
        (
            Index("by-gk", "gsi", (_GK, _GN), "KEYS_ONLY"),
            Index("by-lk", "lsi", (_PK, _LK), "KEYS_ONLY"),
            Index("by-lb", "lsi", (_PK, _LB), "KEYS_ONLY"),
        ),
    ),
    "binary": ItemRules((KeyAttribute("pk", "B", "partition"), KeyAttribute("sk", "N", "sort"))),
    "crossed": ItemRules(
        (_PK, _SK),
        (
            Index(
                "turned",
                "gsi",
                (KeyAttribute("sk", "S", "partition"), KeyAttribute("pk", "S", "sort")),
                "KEYS_ONLY",
            ),
        ),
    ),
}


def _schema(key: tuple[KeyAttribute, ...]) -> list[dict[str, str]]:
    kinds = {"partition": "HASH", "sort": "RANGE"}
    return [{"AttributeName": part.name, "KeyType": kinds[part.role]} for part in key]


def _index_request(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.projected:
        projection["NonKeyAttributes"] = list(index.projected)
    return {"IndexName": index.name, "KeySchema": _schema(index.key), "Projection": projection}


def create_request(rules: ItemRules) -> dict[str, Any]:
    """Give CreateTable's parameters, but for the name, of a table that has these keys."""
    parts = [*rules.key, *(part for index in rules.indexes for part in index.key)]
    types = {part.name: part.type for part in parts}
    request: dict[str, Any] = {
        "KeySchema": _schema(rules.key),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    for kind, name in (("gsi", "GlobalSecondaryIndexes"), ("lsi", "LocalSecondaryIndexes")):
        indexes = [_index_request(index) for index in rules.indexes if index.kind == kind]
        if indexes:
            request[name] = indexes
    return request


TABLES = {name: create_request(rules) for name, rules in RULES.items()}

_EMPTY_KEY = (
    "One or more parameter values are not valid. {}The AttributeValue for a key attribute cannot "
    "contain an empty "
)
_SECONDARY = "A value specified for a secondary index key is not supported. "
_NO_TYPE = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"

# What DynamoDB Local 3.3.1 says, as the beginning of its text, for each rule.
ENGINE_TEXTS: dict[str, tuple[str, ...]] = {
    "type_none": (_NO_TYPE,),
    "type_unknown": (_NO_TYPE,),
    "type_many": ("Supplied AttributeValue has more than one datatypes set",),
    "type_mismatch": ("The request processing has failed",),
    "attribute_null": ("The supplied Item contains a null AttributeValue",),
    "null_false": ("One or more parameter values were invalid: Null attribute value types must",),
    "base64": ("The request processing has failed",),
    "number_syntax": ("A value provided cannot be converted into a number",),
    "number_precision": ("DynamoDB only supports precision up to 38 digits",),
    "number_overflow": ("Number overflow. Attempting to store a number with magnitude larger",),
    "number_underflow": ("Number underflow. Attempting to store a number with magnitude smaller",),
    "set_empty": (
        "One or more parameter values were invalid: An string set  may not be empty",
        "One or more parameter values were invalid: An number set  may not be empty",
        "One or more parameter values were invalid: Binary sets should not be empty",
    ),
    "set_duplicates": (
        "One or more parameter values were invalid: Input collection [",
        "Input collection contains duplicates",
        "One or more parameter values were invalid: Input collection of type BS contains",
    ),
    "nesting": ("Nesting Levels have exceeded supported limits",),
    "name_empty": ("Empty attribute name",),
    "name_too_long": ("Attribute name is too large, must be less than 65536 bytes",),
    "key_missing": ("One of the required keys was not given a value",),
    "key_not_scalar": ("Invalid attribute value type",),
    "key_type": ("One or more parameter values were invalid: Type mismatch for key",),
    "key_empty": (_EMPTY_KEY.format(""),),
    "key_too_long": ("Hash primary key values must be under 2048 bytes, and range primary key",),
    "index_key_not_scalar": ("Invalid attribute value type",),
    "index_key_type": ("One or more parameter values were invalid: Type mismatch for Index Key",),
    "index_key_empty": (_EMPTY_KEY.format(_SECONDARY),),
    "index_key_too_long": ("One or more parameter values were invalid: Size limit exceeded",),
    "item_size": ("Item size has exceeded the maximum allowed size",),
}
