"""Bytes as they lie on disk: which files, whole or damaged, plain or compressed."""
