"""
The two languages inside of a definition: templates and JSON Schema.

Both belong to `pipeline.transform`, which compiles them, and are only asked here whether they are
right. This is the one place where the config looks into another package: a second parser of the
same grammar would drift, and a mistake in a template must come with all others, before the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["TemplateError", "check_template", "schema_problems"]


class TemplateError(ValueError):
    """A text is no template; the message may quote a part of it."""


def check_template(text: str) -> str:
    """
    Return *text* if it is a template.

    :raises TemplateError: it is none; the message says what to write.
    """
    from pipeline.transform import template  # noqa: PLC0415 - only a loaded definition needs it

    try:
        template.parse(text)
    except ValueError as error:
        raise TemplateError(str(error)) from None
    return text


def schema_problems(schema: Mapping[str, object]) -> Sequence[tuple[tuple[str | int, ...], str]]:
    """Return what is wrong with a JSON Schema: (path inside of it, message)."""
    from pipeline.transform import schema as json_schema  # noqa: PLC0415 - as above

    return json_schema.problems(schema)
