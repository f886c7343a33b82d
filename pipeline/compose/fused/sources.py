"""Where the attributes of an item come from, in a record of a known shape."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline.compose.fused.pieces import json_text
from pipeline.compose.fused.shape import Kind, Node, UnfitError
from pipeline.table.encoding.fused import DOUBTS, typed_json
from pipeline.transform.mapping import conversion_of
from pipeline.transform.specs import FromField, TemplateText
from pipeline.transform.template import Slot, parse

if TYPE_CHECKING:
    from pipeline.model import Value
    from pipeline.transform.plan import ItemPlan, KeyText
    from pipeline.transform.schema.predicate import SchemaCode
    from pipeline.transform.template import Template

__all__ = ["Sources"]

_SAME: Final[dict[str, tuple[str, ...]]] = {
    "S": ("str",),
    "N": ("int", "number"),
    "BOOL": ("bool",),
    "L": ("list",),
    "M": ("map",),
}
"""The kinds that a conversion to a type leaves as they are."""

_RESULTS: Final[dict[str | None, Kind]] = {"S": "str", "N": "number", "BOOL": "bool"}


class Sources:
    """
    Finds the attributes of the items of a record, the node *root*.

    *early* are lines that make values out of fields; one that gives up may always be run. *escapes*
    says that texts of the definition's own must be escaped.
    """

    def __init__(self, root: Node, code: SchemaCode) -> None:
        self.early: list[str] = []
        self.escapes = False
        self._root = root
        self._code = code

    def attributes(self, plan: ItemPlan, texts: list[str]) -> dict[str, Node]:
        """
        Return an item's attributes; *texts* takes the lines that make its texts.

        :raises UnfitError: there is no such item of any record, or not this way.
        """
        fields = self._root.fields
        names = (
            [name for name in fields if name not in plan.omit] if plan.only is None else plan.only
        )
        found = {name: fields[name] for name in names if name in fields}
        for name, value in plan.constants.items():
            found[name] = _constant(value)
        for name, made in plan.made.items():
            if isinstance(made, FromField):
                node = self._field(made)
            elif isinstance(made, TemplateText) or made.type == "S":
                node = self._text(parse(made.text), texts)
            else:
                node = self._number_key(made)
            if node is None:
                found.pop(name, None)
            else:
                found[name] = node
        return found

    def needs(self, plan: ItemPlan) -> str | None:
        """Return the expression that an optional item needs (empty: it is always made) or None."""
        tests = []
        for slot in plan.needs:
            node = self._find(slot)
            if node is None:
                return None
            tests.append(node.present())
        return " and ".join(dict.fromkeys(filter(None, tests)))

    def _find(self, slot: Slot) -> Node | None:
        """Return the node at a slot as `template.find` does; None: it is always absent."""
        fields = self._root.fields
        if slot.name in fields or len(slot.path) == 1:
            node = fields.get(slot.name)
            if node is not None and node.may_miss and len(slot.path) > 1:
                raise UnfitError  # where it is absent, the path is looked at
            return node
        node = fields.get(slot.path[0])
        for step in slot.path[1:]:
            if node is None or node.kind not in ("map", "any"):
                return None
            if node.kind == "any":
                raise UnfitError
            node = node.fields.get(step)
        return node

    def _text(self, template: Template, lines: list[str]) -> Node:
        """Write what makes a template's text."""
        if template.literal:
            return _constant("".join(map(str, template.parts)))
        parts: list[str] = []
        for part in template.parts:
            if isinstance(part, str):
                parts.append(self._literal(part))
            else:
                parts.append(self._slot(part, lines))
        text = self._code.variable()
        lines.append(f"{text} = {' '.join(parts)}")
        return Node("str", text)

    def _slot(self, slot: Slot, lines: list[str]) -> str:
        """Return the source of a slot's text."""
        node = self._find(slot)
        if node is None:
            if slot.default is None:
                raise UnfitError
            return self._literal(slot.default)
        if node.kind in ("list", "map"):
            raise UnfitError
        value, missing = node.var, _missing(node)
        shown = value
        if node.kind == "bool":
            shown = f"TRUE if {value} else FALSE"
        elif node.kind != "str":
            shown = f"written({value})"
        if missing and slot.default is None:
            lines.append(f"if {missing}: return None")
        elif missing:
            made = self._code.variable()
            lines.append(f"{made} = {self._literal(slot.default or '')} if {missing} else {shown}")
            shown = made
        return f"f'{{{shown}}}'"

    def _literal(self, text: str) -> str:
        """Return the source of a text of the definition."""
        self.escapes = self.escapes or json_text(text) != text
        doubled = text.replace("{", "{{").replace("}", "}}")
        return f"f{doubled!r}"

    def _number_key(self, made: KeyText) -> Node:
        """Return the number that a template of one field gives to a key of type N."""
        only = parse(made.text).only_slot
        node = None if only is None else self._find(only)
        if made.type != "N" or node is None or not node.sure or node.kind not in _SAME["N"]:
            raise UnfitError
        return node

    def _field(self, made: FromField) -> Node | None:
        """Return a field under another name or type; None: it is always absent."""
        node = self._find(Slot(made.field, tuple(made.field.split("."))))
        if node is None:
            if made.required:
                raise UnfitError
            return None
        if made.required and (missing := _missing(node)):
            self.early.append(f"if {missing}: return None")
        convert = conversion_of(made)
        if convert is None:
            return node
        if not made.as_epoch and node.kind in _SAME.get(made.type or "", ()):
            return replace(node, skips_null=True)
        if node.kind == "map":
            raise UnfitError
        result = self._code.variable()
        kind: Kind = "int" if made.as_epoch else _RESULTS.get(made.type, "any")
        source = f"{self._code.constant(convert)}({node.var}, {self._code.constant(made.field)})"
        if made.type == "SS" and node.kind == "list":
            kind, source = "set", node.var  # as it is; but its text is another
        missing = _missing(node)
        self.early.append(
            f"{result} = UNSET if {missing} else {source}" if missing else f"{result} = {source}"
        )
        return Node(kind, result, may_miss=bool(missing))


def _missing(node: Node) -> str:
    """Return what `Node.missing` does; of any value null is one."""
    return (node if node.kind != "any" else replace(node, null=True)).missing()


def _constant(value: Value) -> Node:
    """Return the node of a value that is the definition's."""
    try:
        text, size = typed_json(value, 0)
    except DOUBTS:
        raise UnfitError from None
    kept: Any = value
    if type(value) is int or type(value) is Decimal:
        kept = text[len('{"N":"') : -len('"}')]
    return Node("const", "", text=text, size=size, value=kept)
