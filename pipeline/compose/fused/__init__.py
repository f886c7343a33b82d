"""
A record's bytes straight to its writes, where nothing about it is doubtful.

What `decode_object`, `compile_transform` and `Encoder.encode` do one after the other, one function
does in one go, written for the shape that a source's records turn out to have. `family` learns that
shape and owns the function; `seen` is what was learnt, `shape` the types that msgspec decodes into,
`checks` the schema, `writes` the items, `pieces` the JSON of their attributes.

The law: it says nothing, or exactly what those three say. The index of the item, the key and the
size are theirs, and the request is the same JSON; the order of the names in it, which means nothing
in a map of DynamoDB's, may be another. `bench/fused.py --check` compares them on millions of
records.
"""

from pipeline.compose.fused.family import Fused, FusedRows, fuse

__all__ = ["Fused", "FusedRows", "fuse"]
