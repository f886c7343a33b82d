"""The report as a page, in a real browser: it draws, needs no mouse, and nothing in it acts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.observe.report_page import report_page
from tests.unit.observe.test_report_page import ERROR, HOSTILE, keep, line, report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@contextmanager
def opened(browser: Browser, folder: Path, facts: Any, **options: Any) -> Iterator[Page]:
    """Open the page of the run in *folder*; whatever it complains of, asks for or shows fails."""
    file = folder / "report.html"
    file.write_bytes(report_page(folder, facts))
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert asked == [file.as_uri()]


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Path:
    """Return the folder of a run of two attempts."""
    first = [line(number, items_per_s=10.0 * number) for number in range(60)]
    second = [line(number, attempt=2) for number in range(60, 120)]
    keep(tmp_path, [*first, *second])
    return tmp_path


INK = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some(value => value !== 0);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_it_draws_and_fits(browser: Browser, run: Path, scheme: str, width: int) -> None:
    """Three charts with something in them, and nothing beside the screen."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with opened(browser, run, report(errors=[ERROR] * 30), **options) as page:
        page.wait_for_selector("canvas")
        inked = page.eval_on_selector_all("canvas", f"all => all.map({INK})")
        assert inked == [True, True, True]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(18, 21, 26)") == (scheme == "dark")


def test_hostile_text_is_text(browser: Browser, run: Path) -> None:
    """Names, keys and messages from a stranger are shown, and do nothing."""
    error = {**dict.fromkeys(ERROR, HOSTILE), "key": {HOSTILE: HOSTILE}}
    identity = dict.fromkeys(("name", "run", "table", "endpoint", "dead_letter"), HOSTILE)
    facts = report(identity=identity, errors=[error], warnings=[HOSTILE], message=HOSTILE)
    with opened(browser, run, facts) as page:
        page.wait_for_selector("canvas")
        assert page.locator("img").count() == 0
        assert HOSTILE[:-1] in page.locator("h1").inner_text()


def test_the_charts_can_be_read_without_eyes_or_mouse(browser: Browser, run: Path) -> None:
    """Each is an image with a summary; the arrow keys read moments aloud; Escape ends it."""
    with opened(browser, run, report()) as page:
        page.wait_for_selector("canvas")
        plots = page.get_by_role("img")
        assert plots.count() == 3
        rate = plots.first
        summary = rate.get_attribute("aria-label") or ""
        assert "on average" in summary
        assert "590 at most" in summary
        told = page.locator("[aria-live]").first

        page.keyboard.press("Tab")
        assert rate.evaluate("plot => plot === document.activeElement")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        assert told.inner_text().endswith("items/s 10")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert told.inner_text().startswith("at 0:02, ")
        assert told.inner_text().endswith("items/s 20")
        page.keyboard.press("Escape")
        assert told.inner_text() == ""


def test_the_colours_follow_the_reader(browser: Browser, run: Path) -> None:
    """Whoever turns the lights off sees the charts change with the page."""
    with opened(browser, run, report(), color_scheme="light") as page:
        page.wait_for_selector("canvas")
        light = page.locator("canvas").first.screenshot()
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(
            "getComputedStyle(document.body).backgroundColor === 'rgb(18, 21, 26)'"
        )
        assert page.locator("canvas").first.screenshot() != light


HOLD = """([count, kind]) => new Promise(done => {
  const at = document.body.appendChild(document.createElement("div"));
  const samples = Array.from({length: count}, (_, i) => ({
    n: i, at: 1.8e9 + i, attempt: 1 + Math.floor(i / 50000), elapsed_s: i, settled: i * 5,
    requests: i, throttled: 0, items_per_s: 5, throttled_per_s: 0,
    p50_ms: i % 7 ? 4 : null, p99_ms: i % 7 ? 9 : null,
  }));
  const chart = PipelineCharts.create(at, {kind});
  chart.set(samples);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const label = at.querySelector("[role=img]").getAttribute("aria-label");
    chart.set([]);
    requestAnimationFrame(() => { chart.destroy(); done([label, at.childElementCount]); });
  }));
})"""


@pytest.mark.parametrize("kind", ["rate", "throttling", "latency"])
@pytest.mark.parametrize("count", [0, 1, 2, 100_000])
def test_any_number_of_samples_can_be_drawn(
    browser: Browser, run: Path, kind: str, count: int
) -> None:
    """None, one and a hundred thousand, gaps between them, none again; nothing is left behind."""
    with opened(browser, run, report()) as page:
        label, left = page.evaluate(HOLD, [count, kind])
    assert ("no measurements yet" in label) == (count < 2)
    assert left == 0
