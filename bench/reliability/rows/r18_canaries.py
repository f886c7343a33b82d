"""R18: no credential and no item's value is shown; no text from outside acts; nobody else reads."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bench.reliability.board import Context, Edit, Figures, Mutation, Row
from bench.reliability.jobs import canaries, hunt
from bench.reliability.jobs.served import serve_canaries
from bench.reliability.jobs.watched import WatchedProxy
from bench.reliability.running import Job
from bench.reliability.servers.proxy import Plan
from bench.reliability.truth import table_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["ROW"]

_SECRETS: Final = {
    "secret key": "ZqSecretKeyQz7731",
    "session token": "ZqSessionTokenQz7731",
    "password": "ZqPasswordQz7731",
}
_VALUES: Final = {"value": canaries.VALUE, "number": canaries.NUMBER}

_MESSAGES: Final = (
    "{body}",
    "1 validation error detected: Value '{body}' at 'requestItems' failed to satisfy constraint",
    f"Input collection [{canaries.VALUE}, {canaries.VALUE}] contains duplicates.",
    f"bad value {canaries.VALUE}\n{canaries.NUMBER}",
    f'Type mismatch: "{canaries.VALUE}" (key {canaries.KEY}39)',
)
_ALL: Final = b"PutRequest"
_AT_ONCE: Final = {"retry": {"attempts": 2, "base_delay": "1ms", "max_outage": "0s"}}
_SOON: Final = {"retry": {"attempts": 2, "base_delay": "1ms", "max_outage": "1s"}}


@dataclass(frozen=True, slots=True)
class _Scene:
    """
    One way to go wrong: what is loaded, how the table answers, how the program is started.

    *keys* says that keys are canaries too. *before* is run before the program's own main.
    """

    what: str
    block: bytes = field(default_factory=canaries.json_source, repr=False)
    source: str = "source.jsonl"
    sections: Mapping[str, Any] = field(default_factory=dict)
    echo: Mapping[bytes, tuple[int, str, str]] = field(default_factory=dict)
    before: str = ""
    keys: bool = False
    terminal: bool = False
    codes: frozenset[int] = frozenset({1})
    endpoint: str = "{}"


def _scenes() -> Iterator[_Scene]:
    for number, message in enumerate(_MESSAGES):
        echo = {
            canaries.ECHO_REFUSAL: (400, "ValidationException", message),
            canaries.ECHO_FAULT: (500, "InternalServerError", message),
        }
        refused = _Scene(f"refusals, echo {number}", echo=echo, sections={"write": _AT_ONCE})
        yield refused
    keyed = canaries.json_source(canaries.KEY)
    hashed = {"write": _AT_ONCE, "log": {"hash_keys": True, "level": "debug"}}
    yield _Scene("hashed keys", keyed, sections=hashed, echo=echo, keys=True)
    plain = {"items": [{"key": {"PK": "{id}"}, "omit": ["id"]}]}
    yield _Scene("refusals in CSV", canaries.csv_source(), "source.csv", plain)
    yield _Scene("refusals on a terminal", terminal=True, echo=echo, sections={"write": _AT_ONCE})
    failed = frozenset({3})
    for code, status in (("AccessDeniedException", 400), ("StrangeException", 400)):
        told = f"{_SECRETS['session token']} of {_SECRETS['secret key']} {{body}}"
        answer = {_ALL: (status, code, told)}
        yield _Scene(f"a table that answers {code}", echo=answer, codes=failed)
    down = {_ALL: (500, "InternalServerError", "{body}")}
    yield _Scene("an outage", echo=down, sections={"write": _SOON}, codes=failed)
    for what, before in _CRASHES.items():
        yield _Scene(f"a crash in {what}", before=before, codes=failed)
    user = f"http://user:{_SECRETS['password']}@"
    yield _Scene("a password in the endpoint", codes=frozenset({0, 1, 2, 3}), endpoint=user)
    hostile, told = canaries.hostile_source(), f"{canaries.HOSTILE}{{body}}"
    echo = {mark: (status, code, told) for mark, (status, code, _) in echo.items()}
    for terminal in (False, True):
        what = f"hostile text{' on a terminal' if terminal else ''}"
        sections = {"write": _AT_ONCE}
        yield _Scene(what, hostile, sections=sections, echo=echo, terminal=terminal)


_CRASH: Final = """
import {module} as module
def broken(*given, **named):
    raise ValueError(f"cannot take {value} {{given!r}}") from KeyError("{value}")
module.{name} = broken
"""

_CRASHES: Final = {
    what: _CRASH.format(module=module, name=name, value=canaries.VALUE)
    for what, module, name in (
        ("the validator", "pipeline.stages.validator", "Validator._check"),
        ("the batcher", "pipeline.core.batching", "Batching.add"),
        ("a writer", "pipeline.table.aws.client", "DynamoTable.write"),
        ("the dead letters", "pipeline.state.deadletter", "dead_letter"),
        ("the reader", "pipeline.sources.formats.jsonl", "JsonlFramer.feed"),
        ("the report", "pipeline.compose.execution", "make_report"),
    )
}


def _measure(context: Context) -> Figures:
    scenes = list(_scenes())
    engine = context.engine()
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda one: _play(context, engine, *one), enumerate(scenes)))
    told.append(serve_canaries(context.folder / "served", engine, context.seed))
    seen = [one for scene in told for one in scene["hits"]]
    acting = [one for scene in told for one in scene["acting"]]
    loose = [one for scene in told for one in scene["loose"]]
    odd = [one for scene in told for one in scene["odd"]]
    figures = {
        "scenes": len(scenes),
        "answers": int(told[-1]["answers"][0]),
        "files": sum(int(scene["files"][0]) for scene in told),
        "canaries_seen": len(seen),
        "acting": len(acting),
        "loose_modes": len(loose),
    }
    return Figures(
        passed=not (seen or acting or loose or odd),
        figure=f"{len(seen)} canaries seen, {len(acting)} texts that act, {len(loose)} loose modes "
        f"in {figures['files']} files of {len(scenes)} runs and {figures['answers']} answers",
        figures=figures,
        detail="; ".join([*seen, *acting, *loose, *odd][:60]),
    )


def _play(context: Context, engine: str, number: int, scene: _Scene) -> dict[str, list[str]]:
    folder, key = context.folder / f"{number}", context.access_key()
    folder.mkdir()
    (folder / scene.source).write_bytes(scene.block)
    with WatchedProxy(engine, context.seed, Plan()) as proxy:
        proxy.echo = dict(scene.echo)
        job = _job(scene, folder, proxy.endpoint, key)
        if scene.terminal:
            command = [sys.executable, *job.launcher, "run", str(job.config)]
            job.start().wait(60)  # writes the definition, and has its own traces
            environment = job._environment()  # noqa: SLF001 - that of the job itself
            code = hunt.on_terminal(command, folder, environment, folder / "painted.tty")
        else:
            code = job.run().code
    wanted = {**_SECRETS, **_VALUES, **({"key": canaries.KEY} if scene.keys else {})}
    return {
        "hits": [f"{scene.what}: {one}" for one in hunt.hits(folder, wanted)],
        "acting": [f"{scene.what}: {one}" for one in hunt.acting(folder)],
        "loose": [f"{scene.what}: {one}" for one in hunt.loose(job.runs)],
        "odd": [] if code in scene.codes else [f"{scene.what}: exit code {code}"],
        "files": [str(len(list(hunt.traces(folder))))],
    }


def _job(scene: _Scene, folder: Path, endpoint: str, key: str) -> Job:
    where = endpoint if scene.endpoint == "{}" else endpoint.replace("http://", scene.endpoint)
    definition = {
        "name": "job",
        "source": {"type": "file", "path": scene.source},
        **canaries.DEFINITION,
        "target": table_definition(where),
        **scene.sections,
    }
    environment = {
        "AWS_SECRET_ACCESS_KEY": _SECRETS["secret key"],
        "AWS_SESSION_TOKEN": _SECRETS["session token"],
    }
    main = f"import os; os.umask(0)\n{scene.before}\nfrom pipeline.cli import main\nmain()"
    return Job(folder, definition, key, environment, launcher=("-c", main))


ROW = Row(
    id="R18",
    title="Secrets and values that are shown, text that acts, files that others may read",
    how="canaries in the credentials, in every value that is no key, and with `log.hash_keys` in "
    "the keys; records refused for every reason; a table whose refusals repeat the request; "
    "outages; crashes in each stage with values in the error's text; control characters in keys, "
    "names and values; on a terminal and on pipes, with umask 0; the same records sent to the job "
    "service; then a search through streams, logs, reports, checkpoints, and every page of every "
    "answer of the service",
    passes="0 canaries seen, 0 texts that act, 0 files that others may read",
    peers="botocore's own messages repeat values (measured); Kafka Connect logs no contents unless "
    "told to",
    measure=_measure,
    mutation=Mutation(
        "what the service says is shown as it says it",
        (
            Edit(
                "pipeline/table/aws/faults.py",
                'text = scrub(message, wires) if len(wires) <= 1 else ""',
                "text = message",
            ),
        ),
    ),
    further=(
        Mutation(
            "the service shows dead letters whole",
            (
                Edit(
                    "pipeline/jobs/following/letters.py",
                    "return {name: letter.get(name) for name in _SHOWN} if letter else {}",
                    "return orjson.loads(line) if letter else {}",
                ),
            ),
            shows="/errors?",
        ),
    ),
)
