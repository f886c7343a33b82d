"""The check of one record against the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pipeline.errors import Refused
from pipeline.model import Violation
from pipeline.transform.schema.dialect import NUMERIC, plain, walk
from pipeline.transform.schema.numeric import EXACT_KEYWORDS
from pipeline.transform.schema.pattern import translate
from pipeline.transform.schema.predicate import compile_predicate
from pipeline.transform.schema.violations import class_of, violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import jsonschema_rs

    from pipeline.model import Value

__all__ = ["RecordSchema", "compile_schema"]

_MANY: Final = 2_000
"""Values of a record of which every error is told."""


class RecordSchema:
    """
    A compiled schema; make one with `compile_schema`.

    Two engines, one verdict: *quick* is straight code that may only ever say yes; whatever it does
    not accept (and every schema that it cannot express) is decided by jsonschema-rs.
    """

    __slots__ = ("_full", "_patterns", "_quick")

    def __init__(
        self,
        full: jsonschema_rs.Validator,
        patterns: Mapping[str, str],
        quick: Callable[[Any], bool] | None = None,
    ) -> None:
        self._full = full
        self._patterns = patterns
        self._quick = quick

    @property
    def compiled(self) -> bool:
        """Say whether the schema runs as straight code, and the library judges refusals alone."""
        return self._quick is not None

    @property
    def passes(self) -> Callable[[Any], bool]:
        """
        Return what says of a value, quickly, that it keeps the schema.

        A no is a doubt, which `check` settles.
        """
        return self._passes if self._quick is None else self._quick

    def _passes(self, value: Any) -> bool:
        try:
            return self._full.is_valid(value)
        except ValueError:  # of what is no JSON; a lone surrogate is one as well
            return False

    def check(self, record: dict[str, Value]) -> None:
        """
        Pass a record that keeps the schema.

        :raises Refused: with every violation (kind ``schema``, rule = the keyword).
        """
        if self._quick is not None and self._quick(record):
            return
        self._judge(record)

    def accepts(self, value: Value) -> bool:
        """Say whether any value, not only a record, keeps the schema."""
        try:
            self.check(value)  # type: ignore[arg-type]  # the engines take any JSON
        except Refused:
            return False
        return True

    def _judge(self, record: Any) -> None:
        try:
            if self._full.is_valid(record):
                return
            found = violations(self._errors(record), record, self._patterns)
        except UnicodeEncodeError:
            raise Refused(
                Violation("schema", "encoding", "has text that is no Unicode: a lone surrogate")
            ) from None
        except ValueError:
            raise Refused(_no_json(record)) from None
        raise Refused(*found)

    def _errors(self, record: Any) -> Iterable[jsonschema_rs.ValidationError]:
        """
        Find what is wrong; of a record with very many values the first thing only.

        The library finds every error before it tells of one, at 4 µs each and with the
        interpreter's lock in hand: two million in a record of 4 MiB.
        """
        if not _has_many(record):
            return self._full.iter_errors(record)
        try:
            self._full.validate(record)
        except ValueError as error:
            if not hasattr(error, "instance_path"):
                raise  # of a value that is no JSON
            return [cast("jsonschema_rs.ValidationError", error)]
        raise AssertionError("what is not valid has no error")


def _has_many(record: Any) -> bool:
    count, layer = 0, [record] if type(record) in (dict, list) else []
    while layer:
        values = [one.values() if type(one) is dict else one for one in layer]
        count += sum(map(len, values))
        if count > _MANY:
            return True
        layer = [value for inner in values for value in inner if type(value) in (dict, list)]
    return False


def compile_schema(schema: Mapping[str, Any] | bool) -> RecordSchema:  # noqa: FBT001 - true and false are schemas
    """
    Compile a schema; `problems` of it should have been asked for before.

    Nothing is ever fetched.

    :raises ValueError: it is no JSON Schema 2020-12, or has a reference that leads nowhere.
    """
    import jsonschema_rs  # noqa: PLC0415 - 20 ms that only a definition with a schema pays

    whole = plain(schema)
    quick = compile_predicate(whole)
    patterns = _rewrite_patterns(whole)
    used = {name for _, part in walk(whole) for name in NUMERIC if name in part}
    full = jsonschema_rs.Draft202012Validator(
        whole,
        offline=True,
        validate_formats=True,
        ignore_unknown_formats=True,
        keywords={name: EXACT_KEYWORDS[name] for name in used},
    )
    return RecordSchema(full, patterns, quick)


def _rewrite_patterns(schema: Any) -> dict[str, str]:
    """Put each pattern as the library's engine must read it; return the originals by these."""
    originals: dict[str, str] = {}
    parts = list(walk(schema))
    named = any("/patternProperties/" in str(part.get("$ref")) for _, part in parts)
    for _, part in parts:
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            part["pattern"] = translate(pattern).rust
            originals[part["pattern"]] = pattern
        if isinstance(part.get("patternProperties"), dict) and not named:
            rewritten = {
                translate(name).rust: inside for name, inside in part["patternProperties"].items()
            }
            if len(rewritten) == len(part["patternProperties"]):
                part["patternProperties"] = rewritten
    return originals


def _no_json(record: Any) -> Violation:
    """Name the first value that JSON Schema knows no type for, such as a set or bytes."""
    todo: list[tuple[str, Any]] = [("", record)]
    for name, value in todo:
        if isinstance(value, dict):
            todo.extend((f"{name}.{key}".removeprefix("."), part) for key, part in value.items())
        elif isinstance(value, list):
            todo.extend((f"{name}[{index}]", part) for index, part in enumerate(value))
        elif value is not None and type(value).__name__ not in {"str", "int", "bool", "Decimal"}:
            message = f"is {class_of(value)}, which JSON Schema has no type for"
            return Violation("schema", "type", message, name or None)
    return Violation("schema", "type", "cannot be checked: it is no JSON")
