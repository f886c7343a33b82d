"""Items on their way in: judged by the write rules, refused in the service's words, normalised."""

from __future__ import annotations

import binascii
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.embedded import answers
from pipeline.table import size
from pipeline.table.rules import ItemRules

if TYPE_CHECKING:
    from pipeline.embedded.schema import Table
    from pipeline.model import Violation

__all__ = ["check_item", "check_key", "normalise", "value_fault"]

_INVALID = "One or more parameter values were invalid: "
_NOT_VALID = "One or more parameter values are not valid. "
_NO_SCHEMA_MATCH = "The provided key element does not match the schema"
_OVERSIZE = "Item size has exceeded the maximum allowed size"
_EMPTY_SETS = {
    "SS": f"{_INVALID}An string set  may not be empty",
    "NS": f"{_INVALID}An number set  may not be empty",
    "BS": f"{_INVALID}Binary sets should not be empty",
}
_TEXTS = {
    "type_none": "Supplied AttributeValue is empty, must contain exactly one of the supported "
    "datatypes",
    "type_many": "Supplied AttributeValue has more than one datatypes set, must contain exactly "
    "one of the supported datatypes",
    "attribute_null": "The supplied Item contains a null AttributeValue",
    "null_false": f"{_INVALID}Null attribute value types must have the value of true",
    "number_syntax": "A value provided cannot be converted into a number",
    "number_precision": "DynamoDB only supports precision up to 38 digits",
    "number_overflow": "Number overflow. Attempting to store a number with magnitude larger than "
    "supported range",
    "number_underflow": "Number underflow. Attempting to store a number with magnitude smaller "
    "than supported range",
    "set_duplicates": f"{_INVALID}Input collection contains duplicates",
    "nesting": "Nesting Levels have exceeded supported limits: Attributes in the item have nested "
    "levels beyond supported limit",
    "name_empty": "Empty attribute name",
    "name_too_long": "Attribute name is too large, must be less than 65536 bytes",
    "key_extra": _NO_SCHEMA_MATCH,
    "index_key_too_long": f"{_INVALID}Size limit exceeded",
    "item_size": _OVERSIZE,
}
_TEXTS["type_unknown"] = _TEXTS["type_none"]
_MALFORMED = {
    "type_mismatch": "The JSON below an attribute's type is of another kind",
    "text_surrogate": "Half of a surrogate pair cannot be encoded in UTF-8",
    "name_surrogate": "Half of a surrogate pair cannot be encoded in UTF-8",
    "base64": "A value of type B is no padded base64 text",
}
_KEY_TOO_LONG = {
    "partition": f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes",
    "sort": f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 "
    "bytes",
}
_CONTAINERS = frozenset({"M", "L", "NS", "BS"})


def check_item(item: Any, table: Table, rules: ItemRules, *, batch: bool) -> int:
    """
    Give a sound item's exact size.

    *batch*: BatchWriteItem has other words for a missing or mistyped key than PutItem.

    :raises ServiceError: the service would refuse it; no value is quoted.
    """
    if not isinstance(item, dict):
        raise answers.serialization("An Item is not a JSON object")
    weight = rules.sound_size(item)
    if weight is not None:
        return weight
    faults = rules.check(item)
    if faults:
        raise _refusal(faults[0], item, table, bare=batch)
    weight = size.item_size(item)
    # The rules doubt where published size formulas differ; this engine keeps DynamoDB Local's.
    entries = (index.rule().entry(item) for index in table.indexes if index.kind == "lsi")
    copies = sum(size.item_size(entry) for entry in entries if entry is not None)
    if weight + copies > size.MAX_ITEM_BYTES:
        raise answers.validation(_OVERSIZE)
    return weight


def check_key(key: Any, table: Table, rules: ItemRules) -> None:
    """
    Look at a bare key, as GetItem and DeleteItem take it.

    :raises ServiceError: it is no key of this table.
    """
    if not isinstance(key, dict):
        raise answers.serialization("A Key is not a JSON object")
    faults = rules.check_key(key)
    if faults:
        raise _refusal(faults[0], key, table, bare=True)


def value_fault(value: Any) -> str | None:
    """Give what the service says of an unsound attribute value; None of a sound one."""
    faults = ItemRules(()).check({"value": value})
    return str(_refusal(faults[0], {"value": value}, None, bare=True)) if faults else None


def normalise(item: dict[str, dict[str, Any]]) -> None:
    """Rewrite a sound item's numbers and binaries in place, as the service gives them back."""
    for value in item.values():
        ((kind, content),) = value.items()
        if kind == "N":
            value["N"] = _plain(content)
        elif kind == "B":
            value["B"] = _base64(content)
        elif kind in _CONTAINERS:
            _normalise_members(kind, value, content)


def _normalise_members(kind: str, value: dict[str, Any], content: Any) -> None:
    if kind == "M":
        normalise(content)
    elif kind == "L":
        for member in content:
            normalise({"": member})
    else:
        value[kind] = [_plain(m) if kind == "NS" else _base64(m) for m in content]


def _plain(text: str) -> str:
    """Write a number without an exponent, sign of zero or zeros at its ends: one text a number."""
    if text.isascii() and text.isdigit() and text[0] != "0":
        return text
    number = Decimal(text)  # exact: only arithmetic rounds
    if not number:
        return "0"
    written = format(number, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _base64(text: str) -> str:
    """Write a binary's one canonical text: unused bits of the last character are zero."""
    return binascii.b2a_base64(binascii.a2b_base64(text), newline=False).decode()


def _refusal(
    fault: Violation, item: dict[str, Any], table: Table | None, *, bare: bool
) -> answers.ServiceError:
    if fault.rule in _MALFORMED:
        return answers.serialization(_MALFORMED[fault.rule])
    if fault.rule == "set_empty":
        return answers.validation(_EMPTY_SETS[_empty_set(list(item.values())) or "SS"])
    if fault.rule in _TEXTS or table is None:
        return answers.validation(_TEXTS[fault.rule])
    return answers.validation(_key_text(fault, item, table, bare=bare))


def _key_text(fault: Violation, item: dict[str, Any], table: Table, *, bare: bool) -> str:
    name = fault.field or ""
    kind = next(iter(item[name])) if name in item else ""
    if fault.rule.startswith("index_"):
        return _index_text(fault.rule, name, kind, table)
    if fault.rule == "key_empty":
        return f"{_NOT_VALID}{_empty_text(kind)}. Key: {name}"
    if fault.rule == "key_too_long":
        role = "partition" if name == table.partition.name else "sort"
        return _KEY_TOO_LONG[role]
    if bare:
        return _NO_SCHEMA_MATCH
    if fault.rule == "key_missing":
        return f"{_INVALID}Missing the key {name} in the item"
    expected = next(part.type for part in table.attributes if part.name == name)
    return f"{_INVALID}Type mismatch for key {name} expected: {expected} actual: {kind}"


def _index_text(rule: str, name: str, kind: str, table: Table) -> str:
    index = next(
        index
        for index in table.indexes
        if name == index.partition.name or (index.sort is not None and name == index.sort.name)
    )
    if rule == "index_key_empty":
        return (
            f"{_NOT_VALID}A value specified for a secondary index key is not supported. "
            f"{_empty_text(kind)}. IndexName: {index.name}, IndexKey: {name}"
        )
    expected = next(part.type for part in table.attributes if part.name == name)
    return (
        f"{_INVALID}Type mismatch for Index Key {name} Expected: {expected} Actual: {kind} "
        f"IndexName: {index.name}"
    )


def _empty_text(kind: str) -> str:
    what = "string" if kind == "S" else "binary"
    return f"The AttributeValue for a key attribute cannot contain an empty {what} value"


def _empty_set(values: list[Any]) -> str | None:
    """Find the type of the first empty set."""
    for value in values:
        if not isinstance(value, dict):
            continue
        for kind, content in value.items():
            if kind in _EMPTY_SETS and not content:
                return str(kind)
            inner = content if isinstance(content, list) else []
            if isinstance(content, dict):
                inner = list(content.values())
            found = _empty_set(inner)
            if found:
                return found
    return None
