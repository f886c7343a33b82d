"""Unit tests of pipeline.stages."""
