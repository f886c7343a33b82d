"""Unit tests of pipeline.compose."""
