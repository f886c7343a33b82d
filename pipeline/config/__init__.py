"""The YAML definition: read, checked, and turned into frozen, typed models."""

from __future__ import annotations

from pipeline.config.json_schema import definition_schema
from pipeline.config.loader import load
from pipeline.config.model.definition import Definition

__all__ = ["Definition", "definition_schema", "load"]
