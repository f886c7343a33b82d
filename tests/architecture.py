"""Read the package's own source: which module imports what, and how large things are."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Function", "Module", "calls", "layer_of", "modules"]

PACKAGE = Path(pipeline.__file__).parent

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
CHAPTERS = {
    "compose": "run",
    "invocation": "cli",
    "options": "cli",
    "runner": "run",
    "streams": "cli",
}
"""What is part of another: the composition root, and the command line, are too long for one."""

BLOCKS = (
    ast.AsyncFor,
    ast.AsyncWith,
    ast.For,
    ast.If,
    ast.Match,
    ast.Try,
    ast.TryStar,
    ast.While,
    ast.With,
)


@dataclass(frozen=True)
class Function:
    """One function or method; *name* is ``pipeline/core/flow.py::Flow.start``."""

    name: str
    node: FunctionNode

    @property
    def lines(self) -> int:
        """How long it is, decorators and docstring not counted."""
        whole = (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1
        first = self.node.body[0]
        if ast.get_docstring(self.node) is None:
            return whole
        return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)

    @property
    def parameters(self) -> int:
        """How many things a caller may have to give; self and cls are none of them."""
        given = self.node.args
        names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        return len([name for name in names if name not in ("self", "cls")])

    @property
    def nesting(self) -> int:
        """How deep its blocks stand in each other; an elif is no deeper than its if."""
        return max((_depth(statement) for statement in self.node.body), default=0)


def _depth(node: ast.AST) -> int:
    if isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
        return 0  # judged by itself
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    if not isinstance(node, BLOCKS):
        return inner
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        chained = _depth(node.orelse[0])
        here = max((_depth(child) for child in (node.test, *node.body)), default=0)
        return max(chained, here + 1)
    return inner + 1


@dataclass(frozen=True)
class Module:
    """One module; *path* is ``pipeline/core/flow.py``, *name* ``pipeline.core.flow``."""

    file: Path

    @cached_property
    def path(self) -> str:
        """Where it stands, seen from the folder that holds the package."""
        return self.file.relative_to(PACKAGE.parent).as_posix()

    @cached_property
    def name(self) -> str:
        """What an import calls it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def layer(self) -> str:
        """Give the part of the house: core, table, cli...; the package itself is ''."""
        return layer_of(self.name)

    @cached_property
    def text(self) -> str:
        """Its source."""
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its source, parsed."""
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> frozenset[str]:
        """Every module that it imports anywhere: late imports and those for types count too."""
        return frozenset(self._imports())

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function and method, inner ones too."""
        return tuple(_functions(self.tree, f"{self.path}::"))

    def _imports(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield inner if _is_module(inner) else base

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        return ".".join([*parents, *([node.module] if node.module else [])])


def layer_of(name: str) -> str:
    """Give the part of the house that the module *name* of ours belongs to."""
    part = name.removeprefix(PACKAGE.name).removeprefix(".").split(".")[0]
    return CHAPTERS.get(part, part)


def _is_module(name: str) -> bool:
    if name.split(".", maxsplit=1)[0] != PACKAGE.name:
        return False
    place = PACKAGE.parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield Function(prefix + child.name, child)
        inner = prefix
        if isinstance(child, FunctionNode | ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)


def modules() -> tuple[Module, ...]:
    """Give every module of the package as it is imported here: the checkout or the wheel."""
    return tuple(Module(file) for file in sorted(PACKAGE.rglob("*.py")))


def calls(parsed: Iterable[Module]) -> Iterator[tuple[str, str, str]]:
    """Give every call in these modules as (layer, place, how the called is spelt)."""
    for module in parsed:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                place = f"{module.path}:{node.lineno}"
                yield module.layer, place, re.sub(r"\s+", "", ast.unparse(node.func))
