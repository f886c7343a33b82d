"""Unit tests of pipeline.core.pace."""
