"""A definition from a few lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pipeline.config import Definition, load
from pipeline.errors import DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

START = "source: {type: stdin}\ntarget: {table: Users}\n"
"""The shortest definition; what is added to it starts on line 3."""


class Load(Protocol):
    """Load a definition from its text."""

    def __call__(self, text: str, *overrides: str, **environment: str) -> Definition:
        """Load *text*, with the texts behind each --set and the environment."""
        ...


class Refuse(Protocol):
    """Load a definition that is wrong, and return what is said about it."""

    def __call__(self, text: str, *overrides: str, **environment: str) -> str:
        """Load *text*, with the texts behind each --set and the environment."""
        ...


@pytest.fixture(name="load_text")
def _load_text(tmp_path: Path) -> Load:
    def load_text(text: str, *overrides: str, **environment: str) -> Definition:
        file = tmp_path / "pipeline.yaml"
        file.write_bytes(text.encode())
        return load(file, overrides=overrides, environment=environment)

    return load_text


@pytest.fixture(name="refused")
def _refused(load_text: Load, tmp_path: Path) -> Refuse:
    def refused(text: str, *overrides: str, **environment: str) -> str:
        with pytest.raises(DefinitionError) as caught:
            load_text(text, *overrides, **environment)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refused
