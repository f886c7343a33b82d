"""What a decoded shape must keep besides its types: no key twice, not too deep, and the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.compose.fused.shape import Node, UnfitError, own_schemas
from pipeline.sources.formats.json_decode import MAX_DEPTH

if TYPE_CHECKING:
    from pipeline.transform.schema.predicate import SchemaCode

__all__ = ["members_of", "write_checks", "write_counts", "write_unpacking"]

_BODY: Final = 2
"""Blocks that stand around the body of the function."""

_BACKSLASH: Final = ord("\\")

_FEW: Final = 3
"""Members that are read one by one faster than all at once."""

_BRANCHES: Final = {
    "str": "str",
    "bool": "bool",
    "int": "int",
    "list": "list",
    "map": "dict",
}


def write_unpacking(root: Node, structs: dict[str, str], code: SchemaCode) -> None:
    """
    Write what puts every member into its variable; *structs* are the names of the nodes' structs.

    Objects that have none are unpacked already. Numbers come as any value and are looked at here;
    all other types are the decoder's matter.
    """
    maps = [root, *(node for node in root.inner() if node.kind == "map")]
    for node in maps:
        if node.var not in structs:
            continue
        names = [child.var for child in node.fields.values()]
        all_at_once = f"{', '.join(names)}, = astuple({node.var})"
        if node is not root and not node.sure:
            code.line(_BODY, f"if {node.var}.__class__ is {structs[node.var]}: {all_at_once}")
            code.line(_BODY, f"else: {' = '.join(names)} = UNSET")
        elif len(names) <= _FEW:
            for index, name in enumerate(names):
                code.line(_BODY, f"{name} = {node.var}.f{index}")
        else:
            code.line(_BODY, all_at_once)
    tests = [test for node in root.inner() if (test := _is_no_number(node))]
    if tests:
        code.line(_BODY, f"if {' or '.join(tests)}: return None")


def _is_no_number(node: Node) -> str:
    if node.kind not in ("int", "number"):
        return ""
    tests = [f"{node.var}.__class__ is not int"]
    if node.kind == "number":
        tests.append(f"{node.var}.__class__ is not Decimal")
    if present := node.present():
        tests.append(present)
    return " and ".join(tests)


def write_counts(root: Node, code: SchemaCode) -> None:
    """
    Write what gives up on a record that may have a key twice, or nests too deep.

    A struct keeps the last of two members in silence. All that were kept are counted here, and held
    against what may be the end of a key: all that were written at least, as in `json_decode`. That
    is spared where no quote is escaped and there are as many as around what was kept: a key that
    was not would have two more.
    """
    kept, depth = members_of(root), _BODY
    quotes = _quotes_of(root)
    if quotes is not None:
        code.line(_BODY, f"if {_BACKSLASH} in raw or raw.count(QUOTE) != {quotes}:")
        depth += 1
    code.line(depth, "dense = raw.replace(BLANK, b'')")
    code.line(depth, "if 9 in raw or 10 in raw or 13 in raw: dense = raw.translate(None, SPACE)")
    code.line(depth, f"if dense.count(PAIR) != {kept} != ends(dense): return None")
    if quotes is None:
        code.line(_BODY, f"if raw.count(CURLY) + raw.count(SQUARE) > {MAX_DEPTH}: return None")


def _quotes_of(root: Node) -> str | None:
    """Return the source of how many quotes stand around all keys and texts; None: not known."""
    nodes = list(root.inner())
    if any(node.kind == "any" for node in nodes):
        return None
    fixed = 0
    terms = []
    for node in nodes:
        if node.may_miss or node.loose:
            terms.append(f"({node.var} is not UNSET)")
        else:
            fixed += 1
        if node.kind in ("str", "list"):
            present, count = node.present(), "1" if node.kind == "str" else f"len({node.var})"
            if present:
                terms.append(f"({count} if {present} else 0)")
            elif node.kind == "str":
                fixed += 1
            else:
                terms.append(count)
    return f"{2 * fixed}" if not terms else f"2 * ({' + '.join([str(fixed), *terms])})"


def members_of(node: Node) -> str:
    """Return the source of how many members an object has, and all that is inside of it."""
    nodes = list(node.inner())
    terms = [str(sum(not (one.may_miss or one.loose) for one in nodes))]
    terms += [f"({one.var} is not UNSET)" for one in nodes if one.may_miss or one.loose]
    terms += [f"within({one.var})" for one in nodes if one.kind == "any"]
    return " + ".join(terms)


def write_checks(node: Node, code: SchemaCode) -> None:
    """
    Write what gives up on a record that breaks the schema, for a value and what is in it.

    :raises UnfitError: every such record breaks it.
    """
    if node.kind == "any":
        for schema in node.schemas:
            code.check(schema, node.var, _BODY, optional=node.may_miss or node.loose)
        return
    for own in own_schemas(node.schemas, code):
        _own(own, node, code)
    for child in node.fields.values():
        write_checks(child, code)


def _own(own: dict[str, Any], node: Node, code: SchemaCode) -> None:
    """Write the checks of one schema's own keywords on a value of a known kind."""
    branches = {branch.kind: branch for branch in code.branches(own, node.var)}
    if node.null and (null := branches["NoneType"]).breaks:
        _refuse(f"{node.var} is None", null.breaks, code)
    if node.kind == "map":
        _object(own, node, code)
    elif node.kind == "number":
        _number(own, node, code)
    else:
        branch = branches[_BRANCHES[node.kind]]
        _refuse(node.present(), branch.breaks, code)
        if node.kind == "list" and own.get("items", True) is not True:
            _elements(own["items"], node, code)


def _number(own: dict[str, Any], node: Node, code: SchemaCode) -> None:
    """Write the checks of what is an int or a Decimal, whichever classes are allowed."""
    branches = {branch.kind: branch.breaks for branch in code.branches(own, node.var)}
    whole = branches.get("int")
    other = branches.get("Decimal", branches.get("integral"))
    if whole == other and whole is not None:
        _refuse(node.present(), whole, code)
        return
    for kind, breaks in (("int", whole), ("Decimal", other)):
        _refuse(f"{node.var}.__class__ is {kind}", ["True"] if breaks is None else breaks, code)


def _elements(items: Any, node: Node, code: SchemaCode) -> None:
    """Write the checks of the texts of a list."""
    element = Node("str", code.variable(), schemas=[items])
    breaks: list[str] = []
    for own in own_schemas([items], code):
        branches = {branch.kind: branch for branch in code.branches(own, element.var)}
        breaks += branches["str"].breaks if "str" in branches else ["True"]
    if not breaks:
        return
    depth = _BODY
    if present := node.present():
        code.line(depth, f"if {present}:")
        depth += 1
    code.line(depth, f"for {element.var} in {node.var}:")
    code.line(depth + 1, f"if {' or '.join(breaks)}: return None")


def _object(own: dict[str, Any], node: Node, code: SchemaCode) -> None:
    """Write the checks of an object's names."""
    guard = node.present()
    for name in own.get("required", ()):
        if name not in node.fields:
            raise UnfitError
        if node.fields[name].may_miss:
            _refuse(guard, [f"{node.fields[name].var} is UNSET"], code)
    terms = [str(sum(not child.may_miss for child in node.fields.values()))]
    terms += [f"({child.var} is not UNSET)" for child in node.fields.values() if child.may_miss]
    for keyword, sign in (("minProperties", "<"), ("maxProperties", ">")):
        if keyword in own:
            limit = code.constant(own[keyword])
            _refuse(guard, [f"{' + '.join(terms)} {sign} {limit}"], code)


def _refuse(guard: str, breaks: list[str], code: SchemaCode) -> None:
    if breaks:
        test = " or ".join(breaks)
        code.line(
            _BODY, f"if {guard} and ({test}): return None" if guard else f"if {test}: return None"
        )
