"""
Rules between the fields of a definition.

They judge the plain document, not the model, so that they are told together with the mistakes that
keep the model from being built. So a rule expects nothing: what is absent or of a wrong type is the
model's affair and passes here. No message holds a value, only names of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.config.document.paths import Broken, listing, look, mapping
from pipeline.config.model.units import parse_duration
from pipeline.config.table_rules import TABLE_RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["broken_rules"]


def broken_rules(document: object) -> Iterator[Broken]:
    """Yield every rule that *document* breaks, with the place to change."""
    for rule in (*_RULES, *TABLE_RULES):
        yield from rule(document)


def _csv_settings_need_csv(document: object) -> Iterator[Broken]:
    source = mapping(document, "source")
    if "csv" in source and source.get("format") in ("jsonl", "json"):
        yield ("source", "csv"), "these settings are for CSV, but `source.format` is another"


def _only_and_omit(document: object) -> Iterator[Broken]:
    for index, item in enumerate(listing(document, "items")):
        if "only" in mapping(item) and "omit" in mapping(item):
            yield ("items", index, "omit"), "`only` and `omit` exclude each other; keep one"


def _one_value_an_attribute(document: object) -> Iterator[Broken]:
    for index, item in enumerate(listing(document, "items")):
        for name in mapping(item, "set"):
            if name in mapping(item, "key"):
                yield ("items", index, "set", name), "the same attribute stands in `key` already"


def _every_item_its_own_key(document: object) -> Iterator[Broken]:
    seen: list[dict[str, object]] = []
    for index, item in enumerate(listing(document, "items")):
        key = dict(mapping(item, "key"))
        if key and key in seen:
            other = seen.index(key)
            yield (
                ("items", index, "key"),
                f"the same key as in `items.{other}`: of each record this item would replace that",
            )
        seen.append(key)


def _typed_fields(document: object) -> Iterator[Broken]:
    for index, item in enumerate(listing(document, "items")):
        for name, value in mapping(item, "set").items():
            kind = mapping(value).get("type")
            if mapping(value).get("as") == "epoch" and isinstance(kind, str) and kind != "N":
                yield ("items", index, "set", name, "type"), "`as: epoch` makes a number, type N"


def _delete_sends_keys_alone(document: object) -> Iterator[Broken]:
    if look(document, "write", "mode") != "delete":
        return
    for index, item in enumerate(listing(document, "items")):
        for name in ("set", "only", "omit"):
            if name in mapping(item):
                message = (
                    f"`{name}` has no effect with `write.mode: delete`, which sends keys alone"
                )
                yield ("items", index, name), message


def _delays_in_order(document: object) -> Iterator[Broken]:
    delays = []
    for name, default in (("base_delay", "50ms"), ("max_delay", "20s")):
        value = look(document, "write", "retry", name)
        try:
            delays.append(parse_duration(default if value is None else value))
        except ValueError:  # the model says so
            return
    base, longest = delays
    if base > longest:
        retry = mapping(document, "write", "retry")
        name = "max_delay" if "max_delay" in retry else "base_delay"
        yield ("write", "retry", name), "`max_delay` is shorter than `base_delay`"


def _embedded_settings_need_the_engine(document: object) -> Iterator[Broken]:
    target = mapping(document, "target")
    if "embedded" in target and target.get("endpoint") != "embedded":
        message = "these settings need `endpoint: embedded`"
        yield ("target", "embedded"), message


_RULES: Final[tuple[Callable[[object], Iterator[Broken]], ...]] = (
    _csv_settings_need_csv,
    _only_and_omit,
    _one_value_an_attribute,
    _typed_fields,
    _every_item_its_own_key,
    _delete_sends_keys_alone,
    _delays_in_order,
    _embedded_settings_need_the_engine,
)
