"""From the path of a YAML file to a `Definition`, or to everything that is wrong with it."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.config.declare.trial import REFUSED, Trial
from pipeline.config.document.compose import compose
from pipeline.config.document.interpolate import interpolate
from pipeline.config.document.nodes import MapNode, ScalarNode, place_of
from pipeline.config.document.overrides import override
from pipeline.config.document.scalars import construct
from pipeline.config.explain import at, problem_of, quoting
from pipeline.config.grammar import schema_problems
from pipeline.config.model.definition import Definition
from pipeline.config.problems import Place, Problem, Problems, TooManyProblemsError, render
from pipeline.config.rules import broken_rules
from pipeline.config.schema_file import read_schema
from pipeline.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.config.document.nodes import Node
    from pipeline.config.document.scalars import Plain

__all__ = ["MAX_BYTES", "load"]

MAX_BYTES: Final = 64 * 1024
_NOTHING: Final = ("", "~", "null")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


def load(
    path: Path, *, overrides: Sequence[str] = (), environment: Mapping[str, str]
) -> Definition:
    """
    Read, complete and check the definition at *path*.

    *overrides* are the texts after ``--set``; *environment* fills ``${VAR}``. Besides the file
    itself only a schema file that it names is read; nothing is written or connected.

    :raises DefinitionError: the text lists every problem at once, by line, each with its place, the
        line itself and what to write instead; never what an environment variable holds.
    """
    text = _read(path)
    problems = Problems()
    definition = None
    with contextlib.suppress(TooManyProblemsError):
        definition = _Loading(path, environment, problems).definition(text, overrides)
    if definition is None or len(problems):
        raise DefinitionError(render(problems, str(path), text))
    return definition


class _Loading:
    def __init__(self, path: Path, environment: Mapping[str, str], problems: Problems) -> None:
        self._path = path
        self._environment = environment
        self._problems = problems

    def definition(self, text: str, overrides: Sequence[str]) -> Definition | None:
        root = compose(text, self._problems)
        if root is None and len(self._problems):
            return None
        if root is None or (isinstance(root, ScalarNode) and root.text in _NOTHING):
            message = "the file is empty; it needs at least `source` and `target`"
            self._problems.add(Problem(Place(), (), message))
            return None
        if not isinstance(root, MapNode):
            message = "a definition is keys and values, such as `source:` and `target:`"
            self._problems.add(Problem(root.place, (), message))
            return None
        root = override(root, overrides, self._problems)
        root = interpolate(root, self._environment, self._problems)
        document = construct(root, self._problems)
        if not isinstance(document, dict):
            return None
        document.setdefault("name", _NOT_IN_A_NAME.sub("-", self._path.stem)[:100] or "pipeline")
        for problem in self._schema(document, root):
            self._problems.add(problem)
        for path, message in broken_rules(document):
            self._problems.add(at(root, path, message))
        return self._validated(document, root)

    def _schema(self, document: dict[str, Plain], root: Node) -> Iterator[Problem]:
        schema, prefix, within = document.get("schema"), "", True
        if not isinstance(schema, dict):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            try:
                schema = document["schema"] = read_schema(schema, self._path.parent)
            except ValueError as error:
                yield at(root, ("schema", "$ref"), str(error))
                return
            prefix, within = "in that file: ", False
        for path, message in schema_problems(schema):
            if within:
                problem = quoting(root, ("schema", *path), message)
                about_key = bool(path) and message.startswith(repr(path[-1]))
                place = place_of(root, problem.where, key=about_key)
                yield replace(problem, place=place)
            else:
                yield at(root, ("schema", "$ref"), f"{prefix}{'.'.join(map(str, path))}: {message}")

    def _validated(self, document: dict[str, Plain], root: Node) -> Definition | None:
        trial = Trial(base=self._path.parent)
        made = Definition.check(document, (), trial)
        for mistake in trial.mistakes:
            self._problems.add(problem_of(mistake, root))
        return None if made is REFUSED else made


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DefinitionError(f"{path}: no such file{_near(path)}") from None
    except IsADirectoryError:
        raise DefinitionError(f"{path}: a folder; name the YAML file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise DefinitionError(f"{path}: cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise DefinitionError(
            f"{path}: longer than {MAX_BYTES // 1024} KiB, so no definition; "
            "the records belong into a file that `source.path` names"
        )
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise DefinitionError(
            f"{path}:{line}:{column}: byte 0x{content[error.start]:02x} is no UTF-8; "
            "save the file as UTF-8"
        ) from None


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f"; did you mean `{path.with_name(near[0])}`?" if near else ""
