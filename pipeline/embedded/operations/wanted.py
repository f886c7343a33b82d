"""Query's conditions on a table's or an index's key, as a range of row keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.embedded import answers
from pipeline.embedded.items import value_fault
from pipeline.embedded.operations.condition import parse
from pipeline.embedded.storage import keys
from pipeline.embedded.storage.database import Range

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.embedded.operations.condition import Condition
    from pipeline.embedded.parameters import Parameters
    from pipeline.embedded.schema import KeyAttribute

__all__ = ["wanted_range"]

_INVALID = "One or more parameter values were invalid: "


def wanted_range(request: Parameters, partition: KeyAttribute, sort: KeyAttribute | None) -> Range:
    """
    Read a Query's KeyConditionExpression with its names and values.

    :raises ServiceError: the service would refuse it for this key.
    """
    text = request.get("KeyConditionExpression", str)
    if text is None:
        raise answers.validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
            "request."
        )
    names = _placeholders(request, "ExpressionAttributeNames", "#")
    values = _placeholders(request, "ExpressionAttributeValues", ":")
    for placeholder, value in values.items():
        fault = value_fault(value)
        if fault:
            raise answers.validation(
                f"ExpressionAttributeValues contains invalid value: {fault} for key {placeholder}"
            )
    conditions = parse(text)
    _check_used(conditions, names, values)
    by_name: dict[str, Condition] = {}
    for condition in conditions:
        name = names.get(condition.name, condition.name)
        if name in by_name:
            raise answers.validation(
                "KeyConditionExpressions must only contain one condition per key"
            )
        by_name[name] = condition
    return _range(by_name, values, partition, sort)


def _range(
    conditions: dict[str, Condition],
    values: Mapping[str, Any],
    partition: KeyAttribute,
    sort: KeyAttribute | None,
) -> Range:
    first = conditions.pop(partition.name, None)
    if first is None:
        raise _missed(partition.name)
    (value, *_) = _operands(first, values, partition)
    if first.operator != "=":
        raise answers.validation("Query key condition not supported")
    prefix = keys.partition_key(value)
    second = conditions.pop(sort.name, None) if sort else None
    if conditions:
        raise _missed(sort.name if sort and second is None else partition.name)
    if sort is None or second is None:
        return Range(prefix, keys.after(prefix))
    return _sort_range(prefix, second, _operands(second, values, sort), sort)


def _sort_range(
    prefix: bytes, condition: Condition, operands: list[Any], sort: KeyAttribute
) -> Range:
    raw = [keys.component(operand) for operand in operands]
    edges = [prefix + keys.sort_key(one) for one in raw]
    low, high = prefix, keys.after(prefix)
    match condition.operator:
        case "begins_with" if sort.type == "N":
            raise answers.validation(
                "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
                "operator or function: begins_with, operand type: N"
            )
        case "begins_with":
            low = prefix + keys.sort_key(raw[0], ended=False)
            high = keys.after(low)
        case "=":
            low, high = edges[0], keys.after(edges[0])
        case "<":
            high = edges[0]
        case "<=":
            high = keys.after(edges[0])
        case ">":
            low = keys.after(edges[0]) or low
        case ">=":
            low = edges[0]
        case _:
            if edges[0] > edges[1]:
                raise answers.validation(
                    "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to "
                    "be greater than or equal to lower bound"
                )
            low, high = edges[0], keys.after(edges[1])
    return Range(low, high)


def _operands(condition: Condition, values: Mapping[str, Any], part: KeyAttribute) -> list[Any]:
    operands = [values[placeholder] for placeholder in condition.values]
    for operand in operands:
        ((kind, content),) = operand.items()
        if kind != part.type:
            raise answers.validation(
                f"{_INVALID}Condition parameter type does not match schema type"
            )
        if not content:
            what = "string" if kind == "S" else "binary"
            raise answers.validation(
                "One or more parameter values are not valid. The AttributeValue for a key "
                f"attribute cannot contain an empty {what} value. Key: {part.name}"
            )
    return operands


def _placeholders(request: Parameters, parameter: str, mark: str) -> dict[str, Any]:
    given = request.get(parameter, dict)
    if given == {}:
        raise answers.validation(f"{parameter} must not be empty")
    for placeholder in given or {}:
        if not placeholder.startswith(mark):
            raise answers.validation(
                f'{parameter} contains invalid key: Syntax error; key: "{placeholder}"'
            )
    return given or {}


def _check_used(
    conditions: Collection[Condition], names: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Refuse placeholders that are used and not defined, or defined and not used."""
    used_names = {one.name for one in conditions if one.name.startswith("#")}
    used_values = {value for one in conditions for value in one.values}
    for name in sorted(used_names - names.keys()):
        raise answers.validation(
            "Invalid KeyConditionExpression: An expression attribute name used in the document "
            f"path is not defined; attribute name: {name}"
        )
    for value in sorted(used_values - values.keys()):
        raise answers.validation(
            "Invalid KeyConditionExpression: An expression attribute value used in expression is "
            f"not defined; attribute value: {value}"
        )
    for parameter, given, used in (
        ("ExpressionAttributeNames", names, used_names),
        ("ExpressionAttributeValues", values, used_values),
    ):
        unused = sorted(given.keys() - used)
        if unused:
            listed = ", ".join(unused)
            raise answers.validation(
                f"Value provided in {parameter} unused in expressions: keys: {{{listed}}}"
            )


def _missed(name: str) -> answers.ServiceError:
    return answers.validation(f"Query condition missed key schema element: {name}")
