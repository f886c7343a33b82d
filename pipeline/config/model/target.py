"""`target`: the table, the service that holds it, and how to create it."""
# ruff: noqa: TC003 - the annotations are read when a definition is checked

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pipeline.config.declare.marks import Field, Then, Written
from pipeline.config.declare.section import Section
from pipeline.config.model.section import AttributeName, Flag, LocalPath, Text, Whole
from pipeline.config.model.units import Duration, Share, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Create", "EmbeddedSettings", "Index", "KeyType", "Target", "table_name"]

_TABLE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_LOCAL_REGION: Final = "us-east-1"

KeyType = Literal["S", "N", "B"]
Units = Annotated[Whole, Field(ge=1)]


def table_name(name: str) -> str:
    """
    Return *name* if DynamoDB allows it for a table or an index.

    :raises ValueError: it does not; the message says what is allowed.
    """
    if _TABLE_NAME.fullmatch(name) is None:
        raise ValueError("expected 3 to 255 characters out of A-Z a-z 0-9 _ . -")
    return name


def _endpoint(value: str) -> str:
    if value == "embedded":
        return value
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a broken port or IPv6 address
        right = False
    if not right:
        raise ValueError("expected a URL such as http://localhost:8000, or `embedded`")
    if parts.username is not None:
        raise ValueError("credentials never stand in YAML; remove them from the URL")
    if parts.query or parts.fragment:
        raise ValueError("an endpoint URL has neither `?` nor `#`")
    return value


def _default_region(earlier: Mapping[str, Any]) -> str | None:
    return _LOCAL_REGION if earlier.get("endpoint") else None


class _Projection(Written):
    def parse(self, value: object, _: Path | None, /) -> object:
        if value in ("all", "keys_only"):
            return value
        names = value if isinstance(value, list | tuple) else ()
        named = names and all(isinstance(name, str) and name for name in names)
        if named and len(set(names)) == len(names):
            return tuple(names)
        raise ValueError("expected all, keys_only, or a list of different attribute names")

    def schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"enum": ["all", "keys_only"]},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }


Projection = Annotated[Literal["all", "keys_only"] | tuple[str, ...], _Projection()]
TableName = Annotated[Text, Then(table_name)]
KeySchema = Annotated[dict[AttributeName, KeyType], Field(min_length=1, max_length=2)]


class EmbeddedSettings(Section):
    """How the embedded engine behaves, so that a load can be rehearsed."""

    path: LocalPath | None = Field(
        default=None,
        description="The SQLite file of its tables. Left out: one under the runs folder.",
    )
    wcu: Units | None = Field(
        default=None, description="Write capacity of a table, units a second."
    )
    partition_wcu: Units | None = Field(
        default=None, description="Write capacity of one partition key, units a second."
    )
    latency: Annotated[float, Duration("0s", "1m")] = Field(
        default=written("0s"),
        description="Time that every request takes in addition.",
        examples=["10ms"],
    )
    unprocessed: Annotated[Decimal, Share()] = Field(
        default=written("0%"),
        description="Share of the items that come back unprocessed.",
        examples=["5%"],
    )
    throttle: Annotated[Decimal, Share()] = Field(
        default=written("0%"),
        description="Share of the requests that are throttled.",
        examples=["1%"],
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(
        default=0, description="Another seed picks other items and requests."
    )


class Index(Section):
    """A secondary index."""

    name: TableName = Field(description="The index's name.")
    key: KeySchema = Field(
        description="Its partition key and, if it has one, its sort key, in this order.",
        examples=[{"email": "S"}],
    )
    type: Literal["global", "local"] = Field(
        default="global", description="Which kind of index it is."
    )
    projection: Projection = Field(
        default="all",
        description="What it holds: all, keys_only, or a list of attributes beside the keys.",
    )
    wcu: Units | None = Field(
        default=None, description="Provisioned writes. Left out: the table's."
    )
    rcu: Units | None = Field(default=None, description="Provisioned reads. Left out: the table's.")


class Create(Section):
    """The table as `create-table` makes it."""

    key: KeySchema = Field(
        description="Partition key and, if there is one, sort key, in this order, with types.",
        examples=[{"PK": "S", "SK": "S"}],
    )
    billing: Literal["on-demand", "provisioned"] = Field(
        default="on-demand", description="How the table's capacity is paid for."
    )
    if_missing: Flag = Field(
        default=False, description="Create the table at the start of a run if it is not there."
    )
    wcu: Units | None = Field(default=None, description="Provisioned write capacity units.")
    rcu: Units | None = Field(default=None, description="Provisioned read capacity units.")
    indexes: tuple[Index, ...] = Field(default=(), description="Secondary indexes.")
    ttl: AttributeName | None = Field(
        default=None, description="The attribute with the second at which an item expires."
    )


class Target(Section):
    """The table that is loaded."""

    table: TableName = Field(description="The table's name.", examples=["Users"])
    endpoint: Annotated[Text, Then(_endpoint)] | None = Field(
        default=None,
        description="Left out: AWS. A URL: that server. embedded: our own engine, started with the "
        "run.",
        examples=["embedded", "http://localhost:8000"],
    )
    region: Annotated[Text, Field(pattern=r"^[a-z0-9-]{1,63}$")] | None = Field(
        default_from=_default_region,
        description="Left out: that of the AWS configuration; us-east-1 if there is an endpoint.",
        examples=["us-east-1"],
    )
    transport: Literal["auto", "http", "sdk"] = Field(
        default="auto",
        description="How batches are sent. http: by our own lean client. sdk: by the AWS SDK's, at "
        "many times the processor time. auto: http, but sdk where a proxy or a client certificate "
        "needs it.",
    )
    embedded: EmbeddedSettings | None = Field(
        default=None, description="How the embedded engine behaves; only with `endpoint: embedded`."
    )
    create: Create | None = Field(
        default=None, description="How to create the table. Left out: it has to be there."
    )
