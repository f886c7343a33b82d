"""
What is wrong with a schema, all of it at once, before the first record.

Stricter than the standard in four places, because each would be a check that the author believes
in and that never happens: an unknown keyword, an unknown ``format``, another draft in ``$schema``,
and a root that no record can keep. A keyword that begins with ``x-`` is the author's own remark.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pipeline.transform.schema.dialect import (
    DIALECT,
    FORMATS,
    KEYWORDS,
    TYPES,
    Path,
    Schema,
    plain,
    walk,
)
from pipeline.transform.schema.numeric import EXACT_KEYWORDS
from pipeline.transform.schema.pattern import translate
from pipeline.transform.schema.references import reference_problems
from pipeline.transform.schema.violations import violations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["problems"]

_TOOLS: Final = frozenset(
    [
        "example",
        "markdownDescription",
        "enumDescriptions",
        "markdownEnumDescriptions",
        "deprecationMessage",
        "errorMessage",
        "defaultSnippets",
        "externalDocs",
        "xml",
        "tsType",
    ]
)
"""Remarks for other programs that are in many a published schema and judge nothing."""

_ELSEWHERE: Final = {
    "nullable": "is OpenAPI 3.0; write `type: [string, 'null']`",
    "discriminator": "is OpenAPI; write `oneOf` with a `const` in each alternative",
    "additionalItems": "is an older draft's; write `items` beside `prefixItems`",
    "id": "is draft 4; write `$id`",
    "divisibleBy": "is draft 3; write `multipleOf`",
    "$recursiveRef": "is draft 2019-09; write `$dynamicRef`",
    "$recursiveAnchor": "is draft 2019-09; write `$dynamicAnchor`",
}


def problems(schema: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """
    Return each problem as the path inside the schema and what to do about it; [] if there is none.

    A schema without problems compiles. Nothing is ever fetched.
    """
    try:
        whole = plain(schema)
    except ValueError as error:
        message, path = error.args
        return [(path, message)]
    if not isinstance(whole, dict):
        return [((), "must be an object that describes one record")]
    try:
        return _problems_of(whole)
    except RecursionError:
        return [((), "a $ref leads back to itself, or the schema is nested too deeply")]


def _problems_of(whole: dict[str, Any]) -> list[tuple[Path, str]]:
    found = dict.fromkeys(_shape(whole))
    broken = {path for path, _ in found}
    for path, part in walk(whole):
        for problem in _local(path, part):
            if problem[0] not in broken:
                found[problem] = None
    found |= dict.fromkeys(reference_problems(whole))
    found |= dict.fromkeys(_root(whole))
    if not found:
        found |= dict.fromkeys(_last_word(whole))
    return list(found)


def _shape(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Hold the schema against the draft's own schema."""
    import jsonschema_rs  # noqa: PLC0415 - 20 ms that only a definition with a schema pays

    judge = jsonschema_rs.Draft202012Validator(
        {"$ref": DIALECT}, offline=True, keywords=EXACT_KEYWORDS
    )
    for error in judge.iter_errors(schema):
        path = tuple(error.instance_path)
        if path[-1:] == ("type",) and error.kind.name == "anyOf":
            yield path, _type_problem(_at(schema, path))
        else:
            for violation in violations([error], schema):
                yield path, violation.message


def _type_problem(value: Any) -> str:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in TYPES:
            shown = repr(name) if isinstance(name, str) else "this"
            return f"{shown} is no type{_meant(str(name), TYPES)}; there are {', '.join(TYPES)}"
    return "must name at least one type, and none of them twice"


def _local(path: Path, part: Schema) -> Iterator[tuple[Path, str]]:
    """Look at one subschema by itself."""
    for keyword in part:
        if keyword in KEYWORDS or keyword in _TOOLS or keyword.startswith("x-"):
            continue
        advice = _ELSEWHERE.get(keyword) or (
            f"is no keyword of JSON Schema 2020-12{_meant(keyword, KEYWORDS)}; "
            "a remark of your own begins with `x-`"
        )
        yield (*path, keyword), f"{keyword!r} {advice}"
    dialect = part.get("$schema")
    if isinstance(dialect, str) and dialect.removesuffix("#") != DIALECT:
        message = (
            f"{dialect!r} is another dialect; schemas are read as JSON Schema 2020-12: rewrite it "
            "for that, then leave `$schema` out"
        )
        yield (*path, "$schema"), message
    name = part.get("format")
    if isinstance(name, str) and name not in FORMATS:
        yield (*path, "format"), f"{name!r} is no format that can be checked{_meant(name, FORMATS)}"
    if isinstance(part.get("pattern"), str):
        yield from _pattern((*path, "pattern"), part["pattern"])
    if isinstance(part.get("patternProperties"), dict):
        for pattern in part["patternProperties"]:
            yield from _pattern((*path, "patternProperties", pattern), pattern)


def _pattern(path: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    try:
        translate(pattern)
    except ValueError as error:
        yield path, f"is no regular expression of ECMA-262: {error}"


def _root(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Find a root that refuses every record, which is always an object."""
    types = schema.get("type", "object")
    names = types if isinstance(types, list) else [types]
    if "object" not in names and all(name in TYPES for name in names):
        yield ("type",), "a record is always an object; this type refuses every one"


def _last_word(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Let the library compile it, which may know better than all of the above."""
    from pipeline.transform.schema.record import compile_schema  # noqa: PLC0415 - lazy as above

    try:
        compile_schema(schema)
    except ValueError as error:
        path = tuple(getattr(error, "instance_path", ()))
        yield path, f"cannot be compiled: {str(error).partition(chr(10))[0]}"


def _meant(word: str, words: frozenset[str] | tuple[str, ...]) -> str:
    close = get_close_matches(word, sorted(words), n=1, cutoff=0.7)
    folded = [known for known in sorted(words) if known.casefold() == word.casefold()]
    best = folded or close
    return f"; did you mean {best[0]!r}?" if best else ""


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value
