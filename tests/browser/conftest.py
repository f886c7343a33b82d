"""A real browser, driven by Playwright: Debian's Chromium, which no test fetches by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[Browser]:
    """
    Return one browser for the tests of a module; each opens a context of its own in it.

    Not for longer: while it is there, so is Playwright's event loop, and no other can run.
    """
    if not CHROMIUM.exists():
        if os.environ.get("PIPELINE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{CHROMIUM} is not here, and PIPELINE_REQUIRE_BROWSER=1 asks for it")
        pytest.skip(f"{CHROMIUM} is not here")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # five seconds are short where all cores are busy

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()
