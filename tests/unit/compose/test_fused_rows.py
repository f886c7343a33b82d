"""The fused way of rows: parts whose columns differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.compose.fused import FusedRows, fuse
from pipeline.model import Item, Record
from pipeline.table.encoding import Encoder
from pipeline.transform.compose import compile_transform
from pipeline.transform.specs import ItemSpec
from pipeline.transform.straight.cells import name_cells, plain_rows
from tests.unit.compose.test_fused import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

NULLS = frozenset({""})
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "in": {
            "type": "object",
            "properties": {
                "a": {"type": "string", "minLength": 1},
                "n": {"type": "integer"},
                "m": {"type": "object", "properties": {"k": {"maxLength": 9}}},
            },
        },
    },
}
SPECS = [ItemSpec(key={"PK": "U#{id}"})]
OBJECT = '{"a":"x","n":1,"m":{"k":"v"}}'


class Rows:
    """The fused way of a definition's rows, and the plain one."""

    def __init__(self) -> None:
        self.encoder = Encoder(TABLE)
        fused = fuse(SCHEMA, SPECS, {"PK": "S"}, "put", self.encoder.frame, nulls=NULLS)
        assert fused is not None
        self.fused = fused
        self.rows = FusedRows(fused, plain_rows(SCHEMA, NULLS))
        self.transform = compile_transform(SCHEMA, SPECS, {"PK": "S"}, "put", coerce=True)

    def learn(self, header: tuple[str, ...], *rows: list[str]) -> None:
        """Look at 64 of the *rows*."""
        self.rows.run(header)
        read = self.rows.rows(header)
        for number in range(64):
            read(rows[number % len(rows)])
        assert self.fused.ready

    def agrees(self, header: tuple[str, ...], cells: list[str]) -> bool:
        """Say whether the fused way takes a row; if so it makes what the plain one makes."""
        items: list[Item] = []
        record = Record(0, 1, 0, 9, b"", cells)
        done = self.rows.run(header)([record], 0, 1, items.append, 0, "p")
        assert done == bool(items)
        if not done:
            return False
        plain = [
            self.encoder.encode_plain(one)
            for _, one in self.transform(name_cells(header, cells, NULLS))
        ]
        assert _comparable([(one.key, one.wire, one.size) for one in items]) == _comparable(plain)
        return True


def _comparable(made: Sequence[tuple[Any, bytes, int]]) -> list[Any]:
    return [(key, json.loads(wire), len(wire), size) for key, wire, size in made]


def test_an_object_whose_column_another_part_lacks_is_absent_with_all_that_is_in_it() -> None:
    """Rows without a column that held objects are taken, and are rows without the object."""
    rows = Rows()
    rows.learn(("id", "in"), ["u", OBJECT], ["u", ""])
    assert rows.agrees(("id", "in"), ["u", OBJECT])
    assert rows.agrees(("id",), ["u"])
    assert rows.agrees(("in", "id"), [OBJECT, "u"])


def test_a_header_that_has_a_name_twice_is_left_to_the_plain_ways() -> None:
    """Of two columns of one name the later one counts that is not null, as a letter may have."""
    rows = Rows()
    rows.learn(("id", "x"), ["u", "1"], ["u", ""])
    assert rows.agrees(("id", "x"), ["u", "1"])
    assert not rows.agrees(("id", "x", "x"), ["u", "1", ""])
