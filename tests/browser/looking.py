"""Look at the page: what it complains of, or asks of others, fails the test."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

__all__ = ["contrasts", "looking"]

_EXPECTED = re.compile("Failed to load resource")
"""What a browser says by itself of an answer that is an error."""

_CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below) => {
    const share = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((n) => top[n] * share + below[n] * (1 - share));
  };
  const light = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.push(parse(getComputedStyle(one).backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility()) continue;
    if (element.closest("[disabled], [aria-disabled=true], script, option")) continue;
    const below = back(element);
    const [a, b] = [light(over(parse(getComputedStyle(element).color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, `${element.className}: ${text.slice(0, 40)}`]);
  }
  return found;
}"""


@contextmanager
def looking(browser: Browser, url: str, *, calm: bool = True, **options: Any) -> Iterator[Page]:
    """Open *url*; what the page complains of, or asks of others, fails; errors too if *calm*."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert [one for one in complaints if calm or not _EXPECTED.match(one)] == []
    assert {one.split("/")[2] for one in asked if one.startswith("http")} == {url.split("/")[2]}


def contrasts(page: Page) -> list[tuple[float, str]]:
    """Return the contrast of each visible text with what is behind it (WCAG 2), and the text."""
    return [(float(ratio), str(text)) for ratio, text in page.evaluate(_CONTRASTS)]
