"""Unit tests of pipeline.table.aws."""
