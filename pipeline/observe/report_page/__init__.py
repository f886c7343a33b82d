"""The report as one HTML file: numbers, charts, errors, to keep and to send to somebody."""

from __future__ import annotations

from pipeline.observe.report_page.document import report_page

__all__ = ["report_page"]
