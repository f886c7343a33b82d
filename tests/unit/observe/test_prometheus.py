"""Metrics for Prometheus: what it is told, and the port of one run."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.observe.metrics import Metrics
from pipeline.observe.progress import Goal, Start
from pipeline.observe.prometheus import CONTENT_TYPE, exposition
from pipeline.observe.prometheus.port import serving
from pipeline.observe.timeline import Meter
from pipeline.sources.base import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.observe.prometheus.port import Exporter
    from pipeline.observe.timeline import Sample

PREFIX = "dynamodb_pipeline_"
RUN = {"pipeline": "users", "run": "r1"}


def sample() -> Sample:
    """Return what a run says that has done a little of everything."""
    metrics = Metrics(consumed=300, read=9, batches=3, requests=5, retries=2, throttled=1)
    metrics.consumed_wcu = 12.5
    metrics.settled.succeeded, metrics.settled.rejected = 6, 2
    meter = Meter(Start(1, 0, 0.0, metrics), Goal([Part("in", size=900)]), first=0)
    metrics.latency.observe(0.02)
    return meter.look(1.0, 4.0)


def parsed(text: bytes) -> dict[tuple[str, Any], float]:
    """Read *text* as Prometheus does: by name and by the labels that are not the run's."""
    return {
        (one.name, one.labels.get("outcome") or one.labels.get("quantile")): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_every_metric_of_the_contract_is_told() -> None:
    """Names, kinds and values are what Prometheus' own parser reads, each with its run."""
    document = {**sample().as_json(), "pace": 400.0, "in_flight": 7}

    text = exposition([(RUN, document)])

    found = parsed(text)
    latencies = [
        found.pop((f"{PREFIX}request_latency_seconds", share)) for share in ("0.5", "0.99")
    ]
    assert latencies == pytest.approx([0.02, 0.02], rel=0.07)
    assert found == {
        (f"{PREFIX}records_read_total", None): 9,
        (f"{PREFIX}items_total", "succeeded"): 6,
        (f"{PREFIX}items_total", "superseded"): 0,
        (f"{PREFIX}items_total", "rejected"): 2,
        (f"{PREFIX}items_total", "failed"): 0,
        (f"{PREFIX}requests_total", None): 5,
        (f"{PREFIX}retries_total", None): 2,
        (f"{PREFIX}throttled_requests_total", None): 1,
        (f"{PREFIX}consumed_write_units_total", None): 12.5,
        (f"{PREFIX}pace_write_units", None): 400,
        (f"{PREFIX}in_flight_limit", None): 7,
        (f"{PREFIX}source_bytes_consumed", None): 300,
        (f"{PREFIX}source_bytes", None): 900,
        (f"{PREFIX}run_duration_seconds", None): 4,
    }
    families = list(text_string_to_metric_families(text.decode()))
    assert all(one.labels.items() >= RUN.items() for family in families for one in family.samples)
    assert all(family.documentation for family in families)
    kinds = {family.name.removeprefix(PREFIX): family.type for family in families}
    assert kinds["items"] == "counter"
    assert kinds["request_latency_seconds"] == "summary"
    assert kinds["pace_write_units"] == "gauge"


def test_what_is_not_known_is_not_told() -> None:
    """A run without a rate, answers or a size has no such line, and one without a sample none."""
    metrics = Metrics()
    endless = Meter(Start(1, 0, 0.0, metrics), Goal([Part("-")]), first=0).look(0, 1)

    text = exposition([(RUN, endless.as_json()), ({"pipeline": "other", "run": ""}, {})])

    names = {name for name, _ in parsed(text)}
    assert f"{PREFIX}requests_total" in names
    missing = ("pace_write_units", "source_bytes", "source_bytes_consumed", "in_flight_limit")
    assert names.isdisjoint(PREFIX + name for name in missing)
    assert b"other" not in text
    assert exposition([]).startswith(b"# HELP")


def test_names_cannot_break_the_text() -> None:
    """What is in a label stays in it."""
    hostile = 'a"} 1\nforged_total{x="\\'

    text = exposition([({"pipeline": hostile, "run": "r"}, sample().as_json())])

    families = list(text_string_to_metric_families(text.decode()))
    assert {one.labels["pipeline"] for family in families for one in family.samples} == {hostile}


def get(exporter: Exporter, path: str = "/metrics") -> tuple[bytes, Mapping[str, str]]:
    """Ask for *path* of the server."""
    with closing(HTTPConnection(address_of(exporter), timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read(), {"status": str(answer.status), **dict(answer.headers)}


def address_of(exporter: Exporter) -> str:
    """Return host and port."""
    return exporter.url.removeprefix("http://").removesuffix("/metrics")


async def test_the_port_tells_what_is_so_at_that_moment() -> None:
    """Each scrape asks the run, on its own loop; before it there is nothing, after it the last."""
    metrics, threads = Metrics(), set()
    meter = Meter(Start(1, 0, 0.0, metrics), Goal([Part("in", size=9)]), first=0)

    def look() -> Sample:
        threads.add(threading.get_ident())
        return meter.look(0, 1)

    with serving("127.0.0.1", 0) as exporter:
        before, headers = await asyncio.to_thread(get, exporter)
        assert parsed(before) == {}
        assert headers["Content-Type"] == CONTENT_TYPE
        assert headers["Server"] == "pipeline"
        with exporter.following(RUN, look):
            for count in (1, 2):
                metrics.read = count
                text, _ = await asyncio.to_thread(get, exporter)
                assert parsed(text)[f"{PREFIX}records_read_total", None] == count
            metrics.read = 3
        metrics.read = 4
        text, _ = await asyncio.to_thread(get, exporter)
        assert parsed(text)[f"{PREFIX}records_read_total", None] == 3
        assert (await asyncio.to_thread(get, exporter, "/"))[1]["status"] == "404"
    assert threads == {threading.get_ident()}


async def test_a_busy_run_does_not_keep_prometheus_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that does not come to answer is not waited for: the last that it said is told."""
    monkeypatch.setattr("pipeline.observe.prometheus.port._PATIENCE", 0.01)
    with serving("127.0.0.1", 0) as exporter, exporter.following(RUN, sample):
        # On the loop itself, which therefore cannot answer.
        assert parsed(get(exporter)[0])[f"{PREFIX}records_read_total", None] == 9


def test_strangers_who_say_nothing_cost_a_few_threads(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """More than a few connections are turned away, nothing is printed, and closing is not held."""
    with serving("127.0.0.1", 0) as exporter, ExitStack() as strangers:
        host, _, port = address_of(exporter).partition(":")
        before = threading.active_count()
        for _ in range(16):
            strangers.enter_context(socket.create_connection((host, int(port))))
        with pytest.raises(OSError, match=r"reset|closed|remote"):
            get(exporter)
        assert threading.active_count() - before <= 16
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_refused() -> None:
    """Two runs cannot have one port: whoever comes second is told so by the system."""
    with serving("127.0.0.1", 0) as exporter:
        port = int(address_of(exporter).partition(":")[2])
        with pytest.raises(OSError, match="in use"), serving("127.0.0.1", port):
            pass
