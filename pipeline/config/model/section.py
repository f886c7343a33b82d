"""What every part of a definition has in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["AnyText", "AttributeName", "Flag", "LocalPath", "Section", "Text", "Whole"]

Text = StrictStr
AnyText = Annotated[StrictStr, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text that needs no quotes even where it looks like a number (`document.scalars` sees to it)."""

Flag = StrictBool
Whole = StrictInt

_NAME_BYTES: Final = 255  # of an attribute that is a key or a TTL; others may be longer


class Section(BaseModel):
    """A frozen mapping of the definition; unknown keys are refused, defaults are checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


AttributeName = Annotated[Text, Field(min_length=1, max_length=_NAME_BYTES)]


@dataclass(frozen=True, slots=True)
class LocalPath:
    """
    A path in a definition.

    *text* is what was written. *resolved* is the same seen from the definition's folder, absolute,
    with ``~`` expanded; a glob is still a glob in it.
    """

    text: str
    resolved: Path

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let the model check a path as it checks its own types."""
        return core_schema.with_info_plain_validator_function(_local_path)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe a path to editors."""
        return {"type": "string", "minLength": 1}


def _local_path(value: object, info: ValidationInfo) -> LocalPath:
    if isinstance(value, LocalPath):
        return value
    if not isinstance(value, str):
        raise ValueError("expected a path, as text")  # noqa: TRY004 - a validator's protocol
    if not value or "\0" in value or re.fullmatch(r"\s+", value):
        raise ValueError("the path is empty")
    base: Path = (info.context or {}).get("base") or Path.cwd()
    return LocalPath(value, base.absolute() / Path(value).expanduser())
