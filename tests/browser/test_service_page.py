"""The service's page in a real browser, before a real server: start, watch, stop, resume."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.looking import looking
from tests.browser.scene import Scene, job, pipeline_of, staged
from tests.integration.serving import DEFINITION, served, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.integration.serving import Served

BAD = 45


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return definitions; ``bad`` has a few records that are refused."""
    root = tmp_path_factory.mktemp("page")
    folder = write_folder(root)
    lines = [json.dumps({"user_id": n if n % 2 else f"u{n}"}) for n in range(2 * BAD)]
    (root / "bad.jsonl").write_text("\n".join(lines))
    text = DEFINITION.format(
        name="bad",
        source="{type: file, path: ../bad.jsonl}",
        table="Bad",
        endpoint="embedded",
        more="",
    )
    (folder / "bad.yaml").write_text(text)
    return folder


@pytest.fixture(name="server", scope="module")
def _server(folder: Path) -> Iterator[Served]:
    with served(folder) as server:
        yield server


def address(server: Served) -> str:
    """Return where the page is."""
    return f"http://{server.host}:{server.port}/"


def begin(page: Page, name: str) -> str:
    """Start a pipeline by its button, which goes to its job, and return the job's id."""
    page.get_by_role("button", name=re.compile(f"Start: {name},")).click()
    page.wait_for_url(re.compile("#/jobs/"))
    return page.url.rpartition("/")[2]


def options(page: Page, name: str) -> Locator:
    """Open the options of a pipeline, and return its place in the list."""
    named = page.get_by_role("heading", name=name, exact=True)
    card = page.get_by_role("listitem").filter(has=named)
    card.get_by_role("button", name=f"Options of {name}").click()
    return card


def test_a_job_from_its_start_to_its_report(browser: Browser, server: Served) -> None:
    """What the page shows at the end is what the report says, and the law holds in it."""
    with looking(browser, address(server)) as page:
        told = server.await_job(begin(page, "bad"))
        expect(page.get_by_role("heading", name="Report")).to_be_visible()
        report = told["report"]
        assert (report["succeeded"], report["rejected"]) == (BAD, BAD)
        law = page.get_by_role("group", name=re.compile("^total = "))
        numbers = [int(text) for text in re.findall(r"\d+", law.inner_text())]
        assert numbers[:5] == [2 * BAD, BAD, 0, BAD, 0]
        expect(page.get_by_text("completed with errors").first).to_be_visible()


def test_errors_are_listed_page_by_page_with_their_lines(browser: Browser, server: Served) -> None:
    """Part and line, kind and rule of each record that was refused; never a value of it."""
    with looking(browser, address(server)) as page:
        server.await_job(begin(page, "bad"))
        rows = page.get_by_role("table", name=re.compile("^Errors")).locator("tbody tr")
        expect(rows).to_have_count(20)
        expect(rows.first).to_contain_text("bad.jsonl:2")
        expect(rows.first).to_contain_text("type")
        for _ in range(2):
            page.get_by_role("navigation", name="Pages of errors").get_by_text("Next").click()
        expect(rows).to_have_count(BAD - 40)
        expect(rows.last).to_contain_text(f"bad.jsonl:{2 * BAD}")


def test_stop_and_resume(browser: Browser, server: Served) -> None:
    """A long job is stopped and gone on with by two buttons, each there when it makes sense."""
    with looking(browser, address(server)) as page:
        job_id = begin(page, "slow")
        server.await_job(job_id, "running")
        stop = page.get_by_role("button", name="Stop", exact=True)
        resume = page.get_by_role("button", name="Resume", exact=True)
        expect(stop).to_be_visible()
        expect(resume).to_be_hidden()
        expect(page.locator("canvas")).to_have_count(3)
        stop.click()
        server.await_job(job_id, "stopped")
        expect(resume).to_be_visible()
        with page.expect_response(lambda answer: answer.url.endswith("/resume")):
            resume.click()
        server.await_job(job_id, "running")
        expect(page.get_by_text("attempt 2")).to_be_visible()
        stop.click()
        server.await_job(job_id, "stopped")


def test_by_keyboard_alone(browser: Browser, server: Served) -> None:
    """Every step to a job's page is reached by Tab and taken by Enter, with a visible focus."""
    with looking(browser, address(server)) as page:
        page.get_by_role("button", name=re.compile("Start: users,")).wait_for()
        for _ in range(40):
            page.keyboard.press("Tab")
            label = page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
            if label.startswith("Start: users,"):
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert label.startswith("Start: users,")
        assert outline != "none"
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("#/jobs/"))
        expect(page.get_by_role("heading", name="Report")).to_be_visible()


@pytest.mark.parametrize(("name", "rows"), [("new.ndjson", 3), ("new.csv", 2)])
def test_an_upload_is_the_records(
    browser: Browser, server: Served, tmp_path: Path, name: str, rows: int
) -> None:
    """A file that is chosen is loaded instead of the definition's source, with a limit."""
    file = tmp_path / name
    if name.endswith("csv"):
        file.write_text("user_id,n\na,1\nb,2\n")
    else:
        file.write_text("".join(f'{{"user_id": "u{n}"}}\n' for n in range(5)))
    with looking(browser, address(server)) as page:
        card = options(page, "users")
        card.get_by_label("Records", exact=True).set_input_files(file)
        if not name.endswith("csv"):
            card.get_by_label("Limit").fill(str(rows))
        card.get_by_role("button", name=re.compile("^Start: users, ")).click()
        page.wait_for_url(re.compile("#/jobs/"))
        told = server.await_job(page.url.rpartition("/")[2])
        assert told["report"]["succeeded"] == rows
        assert told["upload"]["format"] == ("csv" if name.endswith("csv") else "jsonl")


def test_an_upload_that_is_too_large_is_refused_in_words(browser: Browser, tmp_path: Path) -> None:
    """The problem stands beside the button; no job was made."""
    folder, file = write_folder(tmp_path), tmp_path / "large.ndjson"
    file.write_bytes(b'{"user_id": "u"}\n' * 200_000)
    with (
        served(folder, "--max-body", "100KiB") as server,
        looking(browser, address(server), calm=False) as page,
    ):
        card = options(page, "users")
        card.get_by_label("Records", exact=True).set_input_files(file)
        card.get_by_role("button", name=re.compile("^Start: users, ")).click()
        expect(card.get_by_role("alert")).to_contain_text("The body is too large.")
        assert server.ask("GET", "/api/jobs").json["jobs"] == []


def test_a_dry_run_says_what_it_does_and_writes_nothing(browser: Browser, server: Served) -> None:
    """The sentence under the options and the button's own word change with what is chosen."""
    with looking(browser, address(server)) as page:
        card = options(page, "users")
        card.get_by_label("Dry run").check()
        expect(card.get_by_text("Start dry run checks the definition's source")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Start dry run: users, ")).click()
        page.wait_for_url(re.compile("#/jobs/"))
        told = server.await_job(page.url.rpartition("/")[2])
        assert told["report"]["dry_run"] is True
        expect(page.get_by_text("would be in the table")).to_be_visible()


def test_a_broken_definition_tells_why_it_cannot_start(browser: Browser, server: Served) -> None:
    """Its problem stands where its button does, which does nothing."""
    with looking(browser, address(server)) as page:
        expect(page.get_by_text("source.type: expected one of")).to_be_visible()


def test_a_token_is_asked_for_once(browser: Browser, tmp_path: Path) -> None:
    """A wrong one is refused in words; the right one is kept for the tab, and sent."""
    folder, token = write_folder(tmp_path), "a-token-of-thirty-two-characters-x"
    variables = {"PIPELINE_SERVE_TOKEN": token}
    with served(folder, variables=variables, token=token) as server:  # noqa: SIM117 - the server first
        with looking(browser, address(server), calm=False) as page:
            page.get_by_role("textbox", name="Token").fill("wrong")
            page.get_by_role("button", name="Go on").click()
            expect(page.get_by_text("did not take this token")).to_be_visible()
            page.get_by_role("textbox", name="Token").fill(token)
            page.get_by_role("button", name="Go on").click()
            server.await_job(begin(page, "users"))
            page.reload()
            expect(page.get_by_role("heading", name="Report")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits(browser: Browser, server: Served, scheme: str, width: int) -> None:
    """Both views in both schemes, on a desk and on a phone: nothing beside the screen."""
    options: dict[str, Any] = {"color_scheme": scheme}
    options["viewport"] = {"width": width, "height": 800}
    with looking(browser, address(server), **options) as page:
        job_id = begin(page, "bad")
        server.await_job(job_id)
        expect(page.get_by_role("heading", name="Report")).to_be_visible()
        for where in (page.url, address(server)):
            page.goto(where)
            page.get_by_role("heading").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            light = page.evaluate("getComputedStyle(document.body).backgroundColor")
            bright = sum(map(int, re.findall(r"\d+", light)[:3])) > 3 * 128
            assert bright == (scheme == "light")


def test_markup_of_others_stays_text(browser: Browser) -> None:
    """Whatever the server tells in problems and messages is shown as it is, and does nothing."""
    markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    scene = Scene(pipelines=[pipeline_of("users", problem=markup, valid=False)])
    scene.jobs = [job("users", id="a", state="failed", message=markup)]
    with staged(scene) as url, looking(browser, url) as page:
        expect(page.get_by_text(markup).first).to_be_visible()
        assert page.locator("img").count() == 0
        page.goto(f"{url.rstrip('/')}/#/jobs/a")
        expect(page.get_by_text(markup).first).to_be_visible()
        assert page.locator("img").count() == 0


@pytest.mark.parametrize("way", ["by itself", "at a click"])
def test_a_lost_connection_is_told_and_found_again(
    browser: Browser, tmp_path: Path, way: str
) -> None:
    """While the server is gone a bar says so; when it is back, on its port, the page goes on."""
    folder = write_folder(tmp_path)
    with served(folder) as server:
        port = str(server.port)
        with looking(browser, address(server), calm=False) as page:
            server.await_job(begin(page, "users"))
            page.clock.install()
            page.goto(address(server))
            page.get_by_role("button", name=re.compile("Start: users,")).wait_for()
            server.end()
            expect(page.get_by_text("No connection to the server.")).to_be_visible()
            if way == "at a click":  # no timer of the page runs from here on
                page.clock.pause_at(page.evaluate("Date.now()") + 10_000)
            with served(folder, "--port", port):
                if way == "at a click":
                    page.get_by_role("button", name="Try now").click()
                expect(page.get_by_text("No connection to the server.")).to_be_hidden()
                expect(page.locator("tbody").get_by_role("link", name="users")).to_be_visible()
