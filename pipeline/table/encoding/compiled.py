"""
Straight code for items of one shape: the same names in the same order, of the same kinds.

The records of a file mostly share a shape. Their requests are then one template around their texts,
and one look at all texts together replaces one at each: the serializer makes one JSON text of them,
whose length is their size in UTF-8 (it refuses lone surrogates), and only if a backslash stands in
it is there anything to escape.
"""

from __future__ import annotations

from binascii import b2a_base64
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from pipeline.table.encoding.figures import COUNTED, measured
from pipeline.table.encoding.fused import typed_json
from pipeline.table.encoding.request import WIDEST_CHARACTER, Encoded
from pipeline.table.size import text_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.table.encoding.request import Frame
    from pipeline.table.rules import KeyAttribute

__all__ = ["ANY", "Encode", "Kind", "compiled"]

Kind: TypeAlias = "type | dict[str, Kind]"
"""
What is known of the values in one place: str, bool, bytes, int; Decimal for any number; list for a
list of texts; for a map its names and their kinds; `ANY` for everything else.
"""

Encode: TypeAlias = "Callable[[Mapping[str, Any]], Encoded | None]"
"""Encode an item; None or one of `fused.DOUBTS` if it is not of the shape, or doubtful."""

ANY: Kind = object

_OTHER = {
    str: "type({0}) is not str",
    bool: "type({0}) is not bool",
    bytes: "type({0}) is not bytes",
    int: "type({0}) is not int",
    Decimal: "type({0}) is not int and type({0}) is not Decimal",
    list: "type({0}) is not list",
    dict: "type({0}) is not dict",
}
_KEY_KINDS: dict[str, tuple[Kind, ...]] = {"S": (str,), "N": (int, Decimal), "B": (bytes,)}
_QUOTES = len('""')
_EMPTY = 3


def compiled(kinds: Mapping[str, Kind], frame: Frame) -> Encode | None:
    """Make the code for items of these names in this order; None if they have no sound key."""
    for part in (*frame.key, *frame.optional):
        if part.name in kinds:
            if kinds[part.name] not in _KEY_KINDS[part.type]:
                return None
        elif part in frame.key:
            return None
    code = _Code()
    source = code.function(kinds, frame)
    known = {**_KNOWN, **code.constants}
    exec(source, known)  # noqa: S102 - our own words; strangers' names are in it as literals alone
    encode: Encode = known["encode"]
    return encode


class _Code:
    """
    The source of one function in the making.

    Its steps: unpack and test (*steps*), the key, the texts' size, escape what needs it, join lists
    (*late*), fill the *template*.
    """

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._count = 0
        self._steps: list[str] = []
        self._late: list[str] = []
        self._template: list[str] = []
        self._texts: list[str] = []
        self._lists: list[str] = []
        self._sizes: list[str] = []
        self._fixed = 0

    def function(self, kinds: Mapping[str, Kind], frame: Frame) -> str:
        """Write the whole function."""
        variables = self._unpacked("item", kinds)
        sent = [part.name for part in frame.key] if frame.key_alone else kinds
        self._literal(frame.head)
        self._entries({name: variables[name] for name in sent}, kinds, 0)
        self._literal(frame.tail)
        for part in frame.optional:
            if part.name in kinds:
                self._key_part(part, variables[part.name])
        key = [self._key_part(part, variables[part.name]) for part in frame.key]
        self._steps.append(f"key = ({', '.join(key)},)")
        self._measure(frame.budget)
        self._steps += self._late
        self._steps.append(f"line = ({' '.join(self._template)}).encode()")
        self._steps.append("return new(Encoded, (key, line, size))")
        return "\n    ".join(["def encode(item):", *self._steps])

    def _unpacked(self, holder: str, kinds: Mapping[str, Kind]) -> dict[str, str]:
        """Unpack a map into one variable for each name."""
        names = {}
        for name in kinds:
            names[name] = f"v{self._count}"
            self._count += 1
        self._steps.append(f"{', '.join(names.values())}, = {holder}.values()")
        return names

    def _entries(self, variables: Mapping[str, str], kinds: Mapping[str, Kind], depth: int) -> None:
        """Test the values of a map and write its entries."""
        tests = []
        for name, variable in variables.items():
            kind = kinds[name]
            if kind is not ANY:
                test = _OTHER[dict if isinstance(kind, dict) else kind]
                tests.append(test.format(variable))
        if tests:
            self._refuse(" or ".join(tests))
        for index, (name, variable) in enumerate(variables.items()):
            self._literal("," * (index > 0) + orjson.dumps(name).decode() + ":")
            self._fixed += text_size(name) + (depth > 0)
            self._value(variable, kinds[name], depth)

    def _value(self, variable: str, kind: Kind, depth: int) -> None:
        """Write one typed value."""
        if isinstance(kind, dict):
            self._map(variable, kind, depth)
        elif kind is str:
            self._texts.append(variable)
            self._typed("S", f'"{{{variable}}}"')
        elif kind is int or kind is Decimal:
            self._steps += COUNTED[kind].format(variable).splitlines()
            self._steps += ["else:", f"    t{variable}, s{variable} = measured({variable})"]
            self._sizes.append(f"s{variable}")
            self._typed("N", f'"{{t{variable}}}"')
        elif kind is bool:
            self._fixed += 1
            self._typed("BOOL", f"{{TRUE if {variable} else FALSE}}")
        elif kind is bytes:
            self._figure(
                variable, f"b2a_base64({variable}, newline=False).decode(), len({variable})"
            )
            self._typed("B", f'"{{t{variable}}}"')
        elif kind is list:
            self._list(variable)
        else:
            self._figure(variable, f"typed_json({variable}, {depth})")
            self._template.append(f"f'{{t{variable}}}'")

    def _map(self, variable: str, kinds: Mapping[str, Kind], depth: int) -> None:
        self._fixed += _EMPTY
        names = f"n{variable}"
        self.constants[names] = [*kinds]
        self._refuse(f"[*{variable}] != {names}")
        inner = self._unpacked(variable, kinds)
        self._literal('{"M":{')
        self._entries(inner, kinds, depth + 1)
        self._literal("}}")

    def _list(self, variable: str) -> None:
        self._fixed += _EMPTY
        self._lists.append(variable)
        self._sizes.append(f"len({variable})")
        self._steps += [f"for one in {variable}:", "    if type(one) is not str:"]
        self._steps.append("        return None")
        joined = f"""'[{{"S":"' + BETWEEN.join({variable}) + '"}}]' if {variable} else '[]'"""
        self._late.append(f"t{variable} = {joined}")
        self._typed("L", f"{{t{variable}}}")

    def _figure(self, variable: str, expression: str) -> None:
        """Make a value's text and its size."""
        self._steps.append(f"t{variable}, s{variable} = {expression}")
        self._sizes.append(f"s{variable}")

    def _typed(self, kind: str, content: str) -> None:
        self._literal(f'{{"{kind}":')
        self._template.append(f"f'{content}'")
        self._literal("}")

    def _literal(self, text: str) -> None:
        doubled = text.replace("{", "{{").replace("}", "}}")
        self._template.append(f"f{doubled!r}")

    def _key_part(self, part: KeyAttribute, variable: str) -> str:
        """Test one attribute of a key by its length and give the expression of its value."""
        if part.type == "N":
            return f"t{variable}"
        limit = part.limit // (WIDEST_CHARACTER if part.type == "S" else 1)
        self._refuse(f"not 0 < len({variable}) <= {limit}")
        return variable

    def _measure(self, budget: int) -> None:
        """Sum up the size, and escape the texts if one of them needs it."""
        together = [f"{{{variable}}}" for variable in self._texts]
        together += [f"{{NOTHING.join({variable})}}" for variable in self._lists]
        sizes = " + ".join([str(self._fixed), *self._sizes])
        self._steps.append(f"size = {sizes}")
        if together:
            self._steps += [f"text = f'{''.join(together)}'", "json = dumps(text)"]
            self._steps += ["if BACKSLASH in json:", "    size += text_size(text)"]
            if self._texts:
                texts = ", ".join(self._texts)
                self._steps.append(f"    {texts}, = [_escaped(one) for one in ({texts},)]")
            for variable in self._lists:
                self._steps.append(f"    {variable} = [_escaped(one) for one in {variable}]")
            self._steps += ["else:", f"    size += len(json) - {_QUOTES}"]
        self._refuse(f"size > {budget}")

    def _refuse(self, test: str) -> None:
        self._steps += [f"if {test}:", "    return None"]


def _escaped(text: str) -> str:
    """Write a text as it stands between the quotes of JSON."""
    return orjson.dumps(text)[1:-1].decode()


_KNOWN: dict[str, Any] = {
    "BACKSLASH": b"\\",
    "BETWEEN": '"},{"S":"',
    "Decimal": Decimal,
    "Encoded": Encoded,
    "FALSE": "false",
    "NOTHING": "",
    "TRUE": "true",
    "_escaped": _escaped,
    "b2a_base64": b2a_base64,
    "dumps": orjson.dumps,
    "measured": measured,
    "new": tuple.__new__,
    "text_size": text_size,
    "typed_json": typed_json,
}
