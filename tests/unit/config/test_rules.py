"""Rules between fields, and units."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pipeline.config.model.units import parse_duration, parse_share, parse_size

if TYPE_CHECKING:
    from tests.unit.config.conftest import Load, Refuse

TABLE = "source: {type: stdin}\ntarget:\n  table: Users\n  create:\n    key: {PK: S, SK: S}\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("    wcu: 5", "target.create.wcu: `wcu` needs `billing: provisioned`"),
        ("    billing: on-demand\n    rcu: 5", "target.create.rcu: `rcu` needs"),
        (
            "    billing: provisioned\n    rcu: 5",
            "target.create.billing: provisioned billing needs",
        ),
        ("    indexes: [{name: abc, key: {a: S}, wcu: 5}]", "target.create.indexes.0.wcu: `wcu` n"),
        (
            "    indexes: [{name: abc, key: {a: S}}, {name: abc, key: {b: S}}]",
            "target.create.indexes.1.name: another index has this name already",
        ),
        (
            "    indexes: [{name: abc, key: {PK: N}}]",
            "target.create.indexes.0.key.PK: a key attribute has one type",
        ),
        (
            "    indexes: [{name: abc, key: {a: S}, type: local}]",
            "target.create.indexes.0.key: a local index has the table's partition key, 'PK'",
        ),
        (
            "    indexes: [{name: abc, key: {a: S}, projection: [x, x]}]",
            "target.create.indexes.0.projection: expected all, keys_only, or a list",
        ),
        (
            "    indexes: [" + ",".join(f"{{name: a-{i}, key: {{a: S}}}}" for i in range(21)) + "]",
            "target.create.indexes: 21 global indexes; a table has 20 at most",
        ),
        (
            "    indexes: [{name: abc, key: {a: S}, projection: ["
            + ",".join(f"a{i}" for i in range(101))
            + "]}]",
            "target.create.indexes: the projections name 101 attributes; 100 is the most",
        ),
        ("  embedded: {wcu: 5}", "target.embedded: these settings need `endpoint: embedded`"),
        (
            "  endpoint: http://x\n  embedded: {wcu: 5}",
            "target.embedded: these settings need `endpoint: embedded`",
        ),
        (
            "items: [{key: {PK: a, SK: b}, only: [x], omit: [y]}]",
            "items.0.omit: `only` and `omit` exclude each other; keep one",
        ),
        (
            "items: [{key: {PK: a, SK: b}, set: {PK: c}}]",
            "items.0.set.PK: the same attribute stands in `key` already",
        ),
        (
            "items: [{set: {a: {from: b, as: epoch, type: S}}}]",
            "items.0.set.a.type: `as: epoch` makes a number, type N",
        ),
        ("items: [{key: {PX: a}}]", "items.0.key.PX: not in the key of `target.create.key`: PK, S"),
        ("items: [{key: {PK: a}, only: [x]}]", "items.0.key: the item never has the key attribute"),
        ("items: [{key: {PK: a}, omit: [SK]}]", "items.0.key: the item never has the key attribu"),
        ("write: {mode: delete}\nitems: [{set: {a: b}}]", "items.0.set: `set` has no effect with"),
        ("write: {mode: delete}\nitems: [{omit: [a]}]", "items.0.omit: `omit` has no effect with"),
        ("write: {retry: {max_delay: 1ms}}", "write.retry.max_delay: `max_delay` is shorter than"),
        ("write: {retry: {base_delay: 30s}}", "write.retry.base_delay: `max_delay` is shorter tha"),
    ],
)
def test_broken(refused: Refuse, text: str, where: str) -> None:
    """Each rule tells the field to change, also beside other mistakes."""
    assert where in refused(f"{TABLE}{text}\n")
    assert where in refused(f"{TABLE}{text}\nnme: a\n")


def test_local_index_of_a_table_without_sort_key(refused: Refuse) -> None:
    """A local index needs a sort key in the table, and has no capacity of its own."""
    found = refused(
        "source: {type: stdin}\ntarget: {table: Users, create: {key: {PK: S}, "
        "billing: provisioned, wcu: 1, rcu: 1, "
        "indexes: [{name: abc, key: {PK: S, a: S}, type: local, wcu: 1}]}}"
    )

    assert "a local index needs a table with a sort key" in found
    assert "a local index shares the table's capacity" in found


def test_csv_settings(refused: Refuse) -> None:
    """CSV settings for a format that is another are a misunderstanding."""
    text = "source: {type: stdin, format: json, csv: {delimiter: ';'}}\ntarget: {table: Users}"

    assert "source.csv: these settings are for CSV" in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "items: [{only: [PK, SK, a]}]",
        "items: [{key: {SK: x}, omit: [a]}]",
        "items: [{key: {PK: x}, set: {SK: {from: a, type: S}}, only: []}]",
        "    indexes: [{name: abc, key: {PK: S, a: N}, type: local}]",
        "    billing: provisioned\n    wcu: 1\n    rcu: 1",
        "write: {mode: delete}\nitems: [{key: {PK: a, SK: b}}]",
        "  endpoint: embedded\n  embedded: {wcu: 5}",
        "write: {retry: {base_delay: 20s}}",
    ],
)
def test_kept(load_text: Load, text: str) -> None:
    """What a rule allows is loaded."""
    assert load_text(f"{TABLE}{text}\n").target.table == "Users"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50ms", 0.05), ("1.5s", 1.5), ("15m", 900.0), ("2 h", 7200.0), (0, 0.0), ("0s", 0.0)],
)
def test_durations(text: object, seconds: float) -> None:
    """A duration is a number with its unit, in seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["5", 5, Decimal("1.5"), "", "ms", "1h30m", "-1s", "1 d", True])
def test_no_durations(text: object) -> None:
    """A bare number means something else to every reader, so it is refused."""
    with pytest.raises(ValueError, match="with its unit: 50ms, 5s, 15m or 1h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("32MB", 32_000_000), ("4MiB", 4_194_304), ("1.5KB", 1500), ("1 GiB", 2**30)],
)
def test_sizes(text: object, size: int) -> None:
    """KB, MB and GB are powers of 1,000, KiB, MiB and GiB of 1,024."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", [5, "5", "5mb", "5M", "1.5B", True, None])
def test_no_sizes(text: object) -> None:
    """A size has its unit and is whole."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(("text", "share"), [("1%", "0.01"), ("0.5 %", "0.005"), ("100%", "1")])
def test_shares(text: object, share: str) -> None:
    """A share is exact."""
    assert parse_share(text) == Decimal(share)


@pytest.mark.parametrize("text", ["101%", "1", 1, Decimal("0.01"), "-1%", True])
def test_no_shares(text: object) -> None:
    """A share is a percentage: 0.01 and 1 could be meant either way."""
    with pytest.raises(ValueError, match="from 0% to 100%"):
        parse_share(text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("100", 100), ("0", 0), ("1%", Decimal("0.01")), ("100%", Decimal(1)), ("null", None)],
)
def test_max_rejected(load_text: Load, text: str, limit: int | Decimal | None) -> None:
    """A count is an int, a share a Decimal, and nothing is no limit."""
    errors = load_text(
        f"source: {{type: stdin}}\ntarget: {{table: Users}}\nerrors: {{max_rejected: {text}}}"
    ).errors

    assert errors.max_rejected == limit
    assert type(errors.max_rejected) is type(limit)


@pytest.mark.parametrize("text", ["-1", "1.5", "none", "true", "200%"])
def test_no_max_rejected(refused: Refuse, text: str) -> None:
    """Anything else is refused."""
    found = refused(
        f"source: {{type: stdin}}\ntarget: {{table: Users}}\nerrors: {{max_rejected: {text}}}"
    )

    assert "errors.max_rejected: expected a " in found


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{}", "expect: nothing is expected; give `records`, `sha256` or both"),
        ("{sha256: abc}", "expect.sha256: expected 64 hexadecimal digits"),
        (f"{{sha256: {'g' * 64}}}", "expect.sha256: expected 64 hexadecimal digits"),
        (f"{{sha256: {'0' * 65}}}", "expect.sha256: expected 64 hexadecimal digits"),
        ("{records: -1}", "expect.records: expected at least 0"),
        ("{record: 1}", "expect.record: unknown key; did you mean `records`?"),
        ("{records: '1'}", "expect.records: expected a whole number"),
    ],
)
def test_expectations(refused: Refuse, expect: str, message: str) -> None:
    """What cannot be expected of a source is refused; so is an expectation of nothing."""
    text = f"source: {{type: stdin, expect: {expect}}}\ntarget: {{table: Users}}"

    assert message in refused(text)
    assert "problems in" not in refused(text)
