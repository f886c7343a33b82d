"""Bytes into records, one file a format."""
