"""How long a load takes, what it costs and how many processes it needs: the worked example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PRICE", "Plan", "lines", "plan"]

PRICE = 0.625
"""
US dollars for a million write request units, on demand, standard table class, us-east-1.

An assumption of the example: the price of https://aws.amazon.com/dynamodb/pricing/on-demand/ since
November 2024, looked up 2026-11-22. Regions differ, and prices change.
"""

ITEMS = (10_000_000, 100_000_000, 1_000_000_000)
CAPACITIES = (4_000, 40_000)
"""Write units a second: what a new on-demand table takes, and the default quota of a table."""

_PARTITION = 1_000
_HEADROOM = 0.8
"""Of a core a process is given this much: the rest is the kernel's, and the collector's pauses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load comes to: *hours* at full capacity, *dollars* on demand, *processes* it needs."""

    hours: float
    dollars: float
    processes: int
    partitions: int


def plan(items: int, kilobytes: float, capacity: int, cpu_us: float) -> Plan:
    """
    Size a load of *items* of *kilobytes* each into a table of *capacity* write units a second.

    *cpu_us* is what one item takes of a core. An item costs one unit for each kilobyte begun.
    """
    units = math.ceil(kilobytes)
    rate = capacity / units
    return Plan(
        hours=items / rate / 3600,
        dollars=items * units * PRICE / 1e6,
        processes=max(1, math.ceil(rate * cpu_us / 1e6 / _HEADROOM)),
        partitions=math.ceil(capacity / _PARTITION),
    )


def lines(comparison: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of the example, with our measured cost of an item."""
    cpu_us = comparison["rows"].get("us", {}).get("slope_cpu_us")
    if cpu_us is None:
        return ["not measured"]
    found = [
        f"With items of up to 1 KB and {cpu_us:.1f} µs of a core each:",
        "",
        "| items | at 4,000 units/s | at 40,000 units/s | processes for those | cost on demand |",
        "|---|---|---|---|---|",
    ]
    for items in ITEMS:
        plans = [plan(items, 1, capacity, cpu_us) for capacity in CAPACITIES]
        processes = " / ".join(str(one.processes) for one in plans)
        found.append(
            f"| {items / 1e6:,.0f} million | {_time(plans[0].hours)} | {_time(plans[1].hours)} "
            f"| {processes} | ${plans[0].dollars:,.2f} |"
        )
    return found


def _time(hours: float) -> str:
    minutes = round(hours * 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
