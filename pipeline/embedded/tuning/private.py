"""The engine's own calls, which the service does not have."""

from __future__ import annotations

from typing import Final

__all__ = ["CONFIGURE"]

CONFIGURE: Final = "PipelineEmbedded.ConfigureTable"
"""What X-Amz-Target says for giving a table settings of its own."""
