"""
The house as it is meant to be: who imports whom, what is never called, how large a thing gets.

CONTRIBUTING.md draws the layers and says why. A limit that makes the code worse is broken with a
written reason, in EXCEPTIONS.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.architecture import calls, layer_of, modules

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES = modules()

FOUNDATION = frozenset({"errors", "model", "values"})
MIDDLE = frozenset({"sources", "transform", "table", "state", "observe"})
LOWER = FOUNDATION | {"core"}
MAY_IMPORT: dict[str, frozenset[str]] = {
    "values": frozenset(),
    "errors": frozenset({"values"}),
    "model": frozenset({"errors", "values"}),
    "core": FOUNDATION,
    **dict.fromkeys(MIDDLE, LOWER),
    "stages": MIDDLE | LOWER,
    "config": FOUNDATION,
    "embedded": FOUNDATION,
    "run": MIDDLE | LOWER | {"stages", "config", "embedded"},
    "jobs": LOWER | {"config", "embedded", "observe", "run", "state"},
    "scaleout": MIDDLE | LOWER | {"stages", "config", "run"},
    "api": LOWER | {"observe", "jobs"},
    "cli": MIDDLE | LOWER | {"stages", "config", "embedded", "run", "jobs", "api", "scaleout"},
    "__main__": frozenset({"cli"}),
    "": frozenset(),
}
"""Which parts of the house a part may import, beside itself; `run` is run.py and its chapters."""

NARROW_DOORS = {
    # The definition promises what the templates and schemas of a run understand: one grammar, one
    # parser, or `validate` would accept what `run` refuses.
    "config": ("pipeline.transform.template", "pipeline.transform.schema"),
    # The service's sizes and rules are written once; the engine judges by them as the rules do.
    "embedded": ("pipeline.table.size", "pipeline.table.rules"),
}
"""Single modules that a part may import although they belong to another."""

ADAPTERS = {
    "aiobotocore": ("pipeline/table/", "pipeline/sources/s3.py"),
    "aiohttp": ("pipeline/embedded/",),
    "botocore": ("pipeline/table/", "pipeline/sources/s3.py"),
    "click": ("pipeline/cli.py", "pipeline/options.py"),
    "fastapi": ("pipeline/api/",),
    "h11": ("pipeline/api/guard/",),
    "prometheus_client": ("pipeline/observe/prometheus/",),
    "pydantic": ("pipeline/api/",),
    "rich": ("pipeline/observe/",),
    "starlette": ("pipeline/api/",),
    "uvicorn": ("pipeline/api/",),
    "yaml": ("pipeline/config/",),
}
"""Where a library enters; whoever wants it elsewhere asks there."""

STANDARD_LIBRARY_ONLY = ("core", "errors", "values")

LIMITS = {"lines": 250, "function lines": 40, "parameters": 6, "nesting": 3, "modules": 9}

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("import", "pipeline/errors.py: pipeline.model"): "a type only: Refused carries Violations",
    ("name", "pipeline/api/guard/lingering.py::get_extra_info"): "a name of asyncio.Transport",
    ("name", "pipeline/api/guard/protocol.py::data_received"): "a name of asyncio.Protocol",
    ("name", "pipeline/table/http/connection.py::data_received"): "a name of asyncio.Protocol",
    (
        "name",
        "pipeline/observe/prometheus/port.py::process_request",
    ): "a name of socketserver's, as is the next",
    ("name", "pipeline/observe/prometheus/port.py::process_request_thread"): "as above",
    (
        "modules",
        "pipeline",
    ): "what all stand on (errors, model, values), and the front door's parts",
    ("name", "pipeline/observe/logs.py::info"): "a log level, by the name that all loggers give it",
}
"""What is broken on purpose, (rule, place): reason. Stale entries fail."""

HEAVY = (
    "aiobotocore",
    "aiohttp",
    "fastapi",
    "h11",
    "jsonschema_rs",
    "msgspec",
    "orjson",
    "prometheus_client",
    "pydantic",
    "rich",
    "starlette",
    "uvicorn",
    "yaml",
)
"""What `--help` must not pay for."""

BANNED_WORDS = frozenset(
    {"common", "data", "handler", "helper", "impl", "info", "manager", "process", "util", "utils"}
)


def judge(rule: str, broken: Mapping[str, str] | set[str]) -> None:
    """Fail with every place that breaks *rule* without a written reason, or no longer breaks it."""
    details = broken if isinstance(broken, dict) else dict.fromkeys(broken, "")
    excused = {place for its_rule, place in EXCEPTIONS if its_rule == rule}
    found = [f"{place} {details[place]}" for place in sorted(details.keys() - excused)]
    found += [f"{place}: a stale exception" for place in sorted(excused - details.keys())]
    assert not found, "\n".join([f"rule {rule!r}:", *found])


def judge_sizes(rule: str, sizes: Mapping[str, int]) -> None:
    """Fail with every place that is over the limit of *rule* without a written reason."""
    limit = LIMITS[rule]
    judge(rule, {place: f"has {size}" for place, size in sizes.items() if size > limit})


def test_imports_point_one_way() -> None:
    """A part imports only what lies below it; parts beside each other do not know each other."""
    unplaced = {module.path for module in MODULES if module.layer not in MAY_IMPORT}
    assert unplaced == set(), "say in MAY_IMPORT which layer these belong to"
    broken = set()
    for module in MODULES:
        allowed = MAY_IMPORT[module.layer] | {module.layer, ""}
        doors = NARROW_DOORS.get(module.layer, ())
        for name in module.imports:
            ours = name == "pipeline" or name.startswith("pipeline.")
            through_door = any(name == door or name.startswith(f"{door}.") for door in doors)
            if ours and layer_of(name) not in allowed and not through_door:
                broken.add(f"{module.path}: {name}")
    judge("import", broken)


def test_the_package_itself_imports_nothing() -> None:
    """Importing one part costs that part: pipeline/__init__.py brings in no other."""
    (root,) = [module for module in MODULES if module.name == "pipeline"]
    assert {name for name in root.imports if name.startswith("pipeline")} == set()


def test_a_library_enters_through_its_adapter() -> None:
    """Only the named places know a library, so that it can be replaced there."""
    broken = set()
    for module in MODULES:
        for library in {name.split(".")[0] for name in module.imports} & set(ADAPTERS):
            if not module.path.startswith(ADAPTERS[library]):
                broken.add(f"{module.path}: {library}")
    judge("adapter", broken)


def test_the_core_needs_no_library() -> None:
    """Concurrency and policy are plain Python."""
    known = sys.stdlib_module_names | {"pipeline"}
    broken = {
        f"{module.path}: {name}"
        for module in MODULES
        if module.layer in STANDARD_LIBRARY_ONLY
        for name in module.imports
        if name.split(".")[0] not in known
    }
    judge("standard library", broken)


def test_files_stay_small() -> None:
    """A file is read in one go."""
    judge_sizes("lines", {module.path: len(module.text.splitlines()) for module in MODULES})


def test_folders_stay_small() -> None:
    """A folder is seen at a glance."""
    files = (module.path for module in MODULES if module.file.name != "__init__.py")
    judge_sizes("modules", Counter(path.rpartition("/")[0] for path in files))


@pytest.mark.parametrize("rule", ["function lines", "parameters", "nesting"])
def test_functions_stay_small(rule: str) -> None:
    """A function does one thing that fits on a screen."""
    measured = {
        function.name: {
            "function lines": function.lines,
            "parameters": function.parameters,
            "nesting": function.nesting,
        }[rule]
        for module in MODULES
        for function in module.functions
    }
    judge_sizes(rule, measured)


TRAPS = (
    (r"(asyncio\.)?(gather|wait_for|ensure_future)", "loses errors or cancels"),
    (r".*queue\.join", "waits for ever once a worker has died"),
    (r"(asyncio\.|.*loop(\(\))?\.)?create_task", "a task outside a group is nobody's"),
    (r"(time\.)?sleep", "blocks the loop: the clock is the loop's"),
)


def test_no_concurrency_trap_is_called() -> None:
    """The calls that were seen to hang, to leak a task or to swallow a cancellation stay out."""
    broken = {
        f"{place}: {spelling} {why}"
        for _, place, spelling in calls(MODULES)
        for trap, why in TRAPS
        if re.fullmatch(trap, spelling)
    }
    judge("trap", broken)


def test_durations_are_measured_on_a_clock_that_never_steps() -> None:
    """`time.time()` jumps when the machine's clock is set; core and stages never ask it."""
    broken = {
        f"{place}: {spelling}"
        for layer, place, spelling in calls(MODULES)
        if layer in ("core", "stages") and spelling in ("time.time", "time", "datetime.now")
    }
    judge("clock", broken)


def test_names_say_what_a_thing_is() -> None:
    """Words that fit everything are no names."""
    names = {module.path: module.file.stem for module in MODULES}
    for module in MODULES:
        names |= {
            f"{module.path}::{node.name}": node.name
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
    broken = {
        place
        for place, name in names.items()
        if {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)} & BANNED_WORDS
    }
    judge("name", broken)


@pytest.mark.parametrize(
    "name", [module.name for module in MODULES if "__main__" not in module.name]
)
def test_a_module_has_what_it_promises(name: str) -> None:
    """Every name in `__all__` exists, once; their order is the linter's to judge."""
    module = importlib.import_module(name)
    promised = getattr(module, "__all__", ())
    assert [word for word in promised if not hasattr(module, word)] == []
    assert len(set(promised)) == len(promised)


def test_help_does_not_pay_for_what_a_run_needs() -> None:
    """Importing the command line brings in no heavy library: each is imported where it is used."""
    if not any(module.layer == "cli" for module in MODULES):
        pytest.skip("there is no command line yet")
    code = "import sys, pipeline.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & set(HEAVY) == set()
