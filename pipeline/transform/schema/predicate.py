"""
A schema as straight Python code that says yes quickly.

The code accepts only what the schema allows; what it does not accept is judged anew by the library.
So a doubt is a no, and a schema with a keyword that is not known here has no predicate at all.
"""

from __future__ import annotations

import re
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline.transform.schema.dialect import ANNOTATIONS, NUMERIC, Schema, walk
from pipeline.transform.schema.numeric import is_multiple
from pipeline.transform.schema.pattern import QUICK_LENGTH, translate
from pipeline.transform.schema.references import resolve_pointer
from pipeline.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["JUDGING", "NAMES", "SchemaCode", "UnknownError", "compile_predicate"]

_KNOWN: Final = ANNOTATIONS | {
    *("$id", "$defs", "definitions", "$ref", "allOf", "type", "enum", "const"),
    *("minLength", "maxLength", "pattern", *NUMERIC),
    *("items", "minItems", "maxItems", "required", "properties", "additionalProperties"),
    *("minProperties", "maxProperties"),
}
JUDGING: Final = _KNOWN - ANNOTATIONS - {"$id", "$defs", "definitions", "$ref", "allOf"}
_CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "string": ("str",),
    "number": ("int", "Decimal"),
    "integer": ("int", "integral"),
    "boolean": ("bool",),
    "object": ("dict",),
    "array": ("list",),
    "null": ("NoneType",),
}
_BREAKS: Final = {
    "minimum": "{0} < {1}",
    "maximum": "{0} > {1}",
    "exclusiveMinimum": "{0} <= {1}",
    "exclusiveMaximum": "{0} >= {1}",
    "multipleOf": "not is_multiple({0}, {1})",
}
_MAX_DEPTH: Final = 16
"""How deep the generated blocks may nest: Python allows twenty loops inside of each other."""

_MAX_LINES: Final = 5_000
"""How long the code may get: what is referred to twice is written twice, twenty times over."""

NAMES: Final = {
    "ABSENT": object(),
    "Decimal": Decimal,
    "NoneType": type(None),
    "is_multiple": is_multiple,
}


class UnknownError(Exception):
    """The schema says something that is not compiled."""


def compile_predicate(schema: Any) -> Callable[[Any], bool] | None:
    """
    Return a function that is true only of values that keep the schema, or None.

    None means that the schema has a keyword that is not compiled, or a pattern that Python's `re`
    cannot run with the same meaning and a bound on its steps.
    """
    code = SchemaCode(schema)
    try:
        if any("$id" in part for path, part in walk(schema) if path):
            return None
        code.check(schema, "value", 2)
    except (UnknownError, LookupError):
        return None
    # A closure's names are nearly as fast as locals, and cost nothing per call.
    parameters = ", ".join((*NAMES, *code.constants))
    lines = [f"def make({parameters}):", "    def predicate(value):", *code.lines]
    source = "\n".join([*lines, "        return True", "    return predicate"])
    names: dict[str, Any] = {}
    exec(compile(source, "<schema>", "exec"), names)  # noqa: S102 - of the schema it holds only literals, by repr
    predicate: Callable[[Any], bool] = names["make"](**NAMES, **code.constants)
    return predicate


@dataclass(slots=True)
class _Branch:
    """One class of values: *breaks* are expressions that are true of what the schema refuses."""

    kind: str
    breaks: list[str] = field(default_factory=list)

    @property
    def test(self) -> str:
        return "Decimal" if self.kind == "integral" else self.kind


class SchemaCode:
    """Writes the source; of the schema only literals go into it, all else into *constants*."""

    def __init__(self, schema: Any) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._root = schema
        self._variables = 0

    def check(self, schema: Any, name: str, depth: int, *, optional: bool = False) -> None:
        """Write what returns False if the variable *name* breaks the schema."""
        if schema is True:
            return
        if not isinstance(schema, dict) or not schema.keys() <= _KNOWN or depth > _MAX_DEPTH:
            raise UnknownError
        if schema.keys() & JUDGING:
            self._own(schema, name, depth, optional=optional)
        for part in self.others(schema):
            self.check(part, name, depth, optional=optional)

    def _own(self, schema: Schema, name: str, depth: int, *, optional: bool) -> None:
        """Write the schema's own keywords, class by class."""
        word = "if"
        for branch in self.branches(schema, name):
            self.line(depth, f"{word} {name}.__class__ is {branch.test}:")
            if branch.breaks:
                self.line(depth + 1, f"if {' or '.join(branch.breaks)}: return False")
            if branch.kind == "list" and schema.get("items", True) is not True:
                element = self.variable()
                self.line(depth + 1, f"for {element} in {name}:")
                self.line(depth + 2, "pass")
                self.check(schema["items"], element, depth + 2)
            elif branch.kind == "dict":
                self._properties(schema, name, depth + 1)
            self.line(depth + 1, "pass")
            word = "elif"
        if optional:
            self.line(depth, f"{word} {name} is not ABSENT: return False")
        else:
            self.line(depth, "else: return False" if word == "elif" else "return False")

    def others(self, schema: Schema) -> list[Any]:
        """Return the schemas that must hold as well."""
        target = schema.get("$ref")
        if target is None:
            return [*schema.get("allOf", ())]
        if target != "#" and not target.startswith("#/"):
            raise UnknownError
        return [*schema.get("allOf", ()), resolve_pointer(self._root, target[1:])]

    def branches(self, schema: Schema, name: str) -> list[_Branch]:
        """Return the classes that the schema's own keywords allow, each with what breaks it."""
        types = schema.get("type", [kind for kind in _CLASSES if kind != "integer"])
        kinds = [
            kind for one in ([types] if isinstance(types, str) else types) for kind in _CLASSES[one]
        ]
        if "Decimal" in kinds:  # `number` beside `integer` allows both
            kinds = [kind for kind in kinds if kind != "integral"]
        branches = [_Branch(kind) for kind in dict.fromkeys(kinds)]
        for keyword in ("enum", "const"):
            if keyword in schema:
                options = schema["enum"] if keyword == "enum" else [schema["const"]]
                branches = [one for one in branches if self._options(one, options, name)]
        for branch in branches:
            branch.breaks += self._breaks(branch.kind, schema, name)
        return branches

    def _options(self, branch: _Branch, options: Iterable[Any], name: str) -> bool:
        """Narrow a branch to the options of its class; so true is never 1, as it is in Python."""
        same = [option for option in options if _is_of(branch.test, option)]
        if same and branch.kind in {"list", "dict"}:
            raise UnknownError
        branch.breaks.append(f"{name} not in {self.constant(frozenset(same))}")
        return bool(same)

    def _breaks(self, kind: str, schema: Schema, name: str) -> list[str]:
        if kind == "str":
            return [*self._length(schema, "Length", name), *self._pattern(schema, name)]
        if kind in {"int", "Decimal", "integral"}:
            whole = [f"{name} != {name}.to_integral_value()"] if kind == "integral" else []
            return whole + [
                text.format(name, self.constant(schema[keyword]))
                for keyword, text in _BREAKS.items()
                if keyword in schema
            ]
        if kind in {"list", "dict"}:
            return self._length(schema, "Items" if kind == "list" else "Properties", name)
        return []

    def _length(self, schema: Schema, unit: str, name: str) -> list[str]:
        return [
            f"len({name}) {sign} {self.constant(schema[bound + unit])}"
            for bound, sign in (("min", "<"), ("max", ">"))
            if bound + unit in schema
        ]

    def _pattern(self, schema: Schema, name: str) -> list[str]:
        if "pattern" not in schema:
            return []
        python = translate(schema["pattern"]).python
        if python is None:
            raise UnknownError
        search = self.constant(re.compile(python, re.ASCII).search)
        return [f"len({name}) > {QUICK_LENGTH}", f"not {search}({name})"]

    def _properties(self, schema: Schema, name: str, depth: int) -> None:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        rest = schema.get("additionalProperties", True)
        if rest is False:
            names = self.constant(frozenset(properties))
            self.line(depth, f"if not {name}.keys() <= {names}: return False")
        elif rest is not True and rest != {}:
            raise UnknownError
        get = self.variable()
        self.line(depth, f"{get} = {name}.get")
        for key in dict.fromkeys([*required, *properties]):
            value, inside = self.variable(), properties.get(key, True)
            self.line(depth, f"{value} = {get}({self.constant(key)}, ABSENT)")
            if key in required:  # of no class that a schema could allow; but it may allow any
                self.line(depth, f"if {value} is ABSENT: return False")
            self.check(inside, value, depth, optional=key not in required)

    def line(self, depth: int, text: str) -> None:
        """Write one line."""
        if len(self.lines) == _MAX_LINES:
            raise UnknownError
        self.lines.append("    " * depth + text)

    def constant(self, value: Any) -> str:
        """Return the source of a constant: a literal, or the name of a parameter of the maker."""
        if type(value) in (int, str):
            return repr(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def variable(self) -> str:
        """Return a name that nothing else has."""
        self._variables += 1
        return f"v{self._variables}"


def _is_of(kind: str, option: Any) -> bool:
    if kind in {"int", "Decimal"}:
        return isinstance(option, int | Decimal) and not isinstance(option, bool)
    return type(option).__name__ == kind
