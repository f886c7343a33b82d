"""Unit tests: mirror the package; no network, no sleeping."""
