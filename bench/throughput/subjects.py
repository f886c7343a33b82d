"""Who is measured: our program first, then what others offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.throughput.installing import node_folder, node_version, python_of_peers, version_of
from bench.throughput.running import Load

if TYPE_CHECKING:
    from bench.throughput.modes.bench import Bench

__all__ = ["SUBJECTS", "Subject"]


class Subject(Protocol):
    """A program that loads a file; a *slow* one takes fewer records where `--slow-records` asks."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    @property
    def title(self) -> str:
        """What it is called in the table."""

    @property
    def slow(self) -> bool:
        """Whether it takes minutes for what others do in seconds."""

    def prepare(self, bench: Bench) -> str:
        """Install what it needs and return its version; `BenchError` says why it cannot be."""

    def load(self, bench: Bench, count: int) -> Load:
        """Return its load of *count* records."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our program, in the environment that this script runs in."""

    name: str = "us"
    title: str = "this program"
    slow: bool = False

    def prepare(self, bench: Bench) -> str:
        """Return no version: the document says what commit is measured."""
        del bench
        return ""

    def load(self, bench: Bench, count: int) -> Load:
        """Return its load of *count* records."""
        many, _ = bench.ours(count)
        return many


@dataclass(frozen=True, slots=True)
class PythonPeer:
    """The program ``peers/{program}.py``, which stands on *package*."""

    name: str
    title: str
    program: str
    package: str
    slow: bool = False

    def prepare(self, bench: Bench) -> str:
        """Install all Python peers and return the version of this one."""
        return version_of(python_of_peers(bench.folder), self.package)

    def load(self, bench: Bench, count: int) -> Load:
        """Return its load of *count* records."""
        python = str(python_of_peers(bench.folder))
        source = str(bench.source(count))
        return Load(
            self.name, [python, "-m", f"bench.throughput.peers.{self.program}", source], count
        )


@dataclass(frozen=True, slots=True)
class NodePeer:
    """The program ``peers/node/load.mjs``."""

    name: str = "node"
    title: str = "AWS SDK v3 `BatchWriteCommand`, five in flight"
    slow: bool = False

    def prepare(self, bench: Bench) -> str:
        """Install it and return its version and Node's."""
        return node_version(node_folder(bench.folder))

    def load(self, bench: Bench, count: int) -> Load:
        """Return its load of *count* records."""
        program = node_folder(bench.folder) / "load.mjs"
        return Load(self.name, ["node", str(program), str(bench.source(count))], count)


SUBJECTS: tuple[Subject, ...] = (
    Ours(),
    PythonPeer("boto3", "boto3 `Table.batch_writer`", "boto3_batch_writer", "boto3", slow=True),
    PythonPeer(
        "aiobotocore",
        "aiobotocore, five writers, boto3's TypeSerializer",
        "aiobotocore_writers",
        "aiobotocore",
        slow=True,
    ),
    PythonPeer("aiodynamo", "aiodynamo, five writers", "aiodynamo_writers", "aiodynamo"),
    PythonPeer("pydynox", "pydynox, five writers", "pydynox_writers", "pydynox"),
    PythonPeer(
        "awswrangler",
        "awswrangler `put_items`, five threads",
        "awswrangler_items",
        "awswrangler",
        slow=True,
    ),
    NodePeer(),
)
