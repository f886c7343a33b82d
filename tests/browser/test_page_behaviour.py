"""What the page does where a real server cannot be brought to: on a stage, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.looking import contrasts, looking
from tests.browser.scene import Scene, job, pipeline_of, sample, staged

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READABLE = 4.5
"""Contrast of text that WCAG 2 asks for (AA)."""


def running() -> Scene:
    """Return a scene in which a job runs."""
    scene = Scene(pipelines=[pipeline_of("users")], jobs=[job("users", id="a")])
    scene.samples["a"] = [sample(number) for number in range(1, 11)]
    return scene


def total(page: Page) -> str:
    """Return the total that is shown."""
    return page.locator("[data-term=total] .figure").inner_text()


def test_a_log_is_read_on_and_no_line_is_shown_twice(browser: Browser) -> None:
    """The last page of a log grows while its job runs; only what is new in it is added."""
    scene = running()
    scene.logs["a"] = [{"level": "info", "event": f"first.{n}"} for n in range(205)]
    with staged(scene) as url, looking(browser, f"{url}/#/jobs/a") as page:
        lines = page.get_by_role("log").locator("li")
        expect(lines).to_have_count(205)
        for number in range(3):
            scene.logs["a"].append({"level": "info", "event": f"later.{number}"})
            scene.samples["a"].append(sample(11 + number))
            expect(lines).to_have_count(206 + number)
        assert len(set(lines.all_inner_texts())) == 208


def test_numbers_move_while_it_runs_and_their_end_is_announced(browser: Browser) -> None:
    """Counters, percentage and title follow the samples; the end is told to who cannot see it."""
    scene = running()
    with staged(scene) as url, looking(browser, f"{url}/#/jobs/a") as page:
        expect(page.locator("[data-term=total] .figure")).to_have_text("10,000")
        expect(page).to_have_title("10 % · users")
        scene.samples["a"].append(sample(50))
        expect(page.locator("[data-term=total] .figure")).to_have_text("50,000")
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "50 %")
        expect(page.get_by_text("about 50 s left")).to_be_visible()
        scene.jobs[0].update(state="failed", message="the table is gone", resumable=True)
        expect(page.get_by_role("status")).to_have_text("users: failed")
        expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()


def test_numbers_that_do_not_add_up_are_called_so(browser: Browser) -> None:
    """The law is checked before it is shown."""
    scene = running()
    scene.samples["a"].append(sample(20, succeeded=19_999))
    with staged(scene) as url, looking(browser, f"{url}/#/jobs/a") as page:
        expect(page.get_by_text("These do not add up: 19,999")).to_be_visible()


def test_where_no_stream_comes_through_the_page_asks(browser: Browser) -> None:
    """A proxy that refuses streams costs a second or two, not the picture; and the page says so."""
    scene = running()

    def refuse(_method: str, path: str) -> tuple[int, dict[str, Any]] | None:
        return (502, {}) if path.endswith("/events") else None

    scene.answer = refuse
    with staged(scene) as url, looking(browser, f"{url}/#/jobs/a", calm=False) as page:
        expect(page.get_by_text("the page asks every two seconds")).to_be_visible()
        scene.samples["a"].append(sample(30))
        expect(page.locator("[data-term=total] .figure")).to_have_text("30,000")


def test_a_stream_that_says_nothing_is_not_waited_for(browser: Browser) -> None:
    """A proxy that keeps a stream back looks like silence: after ten seconds the page asks."""
    scene = running()
    scene.streams = False
    with staged(scene) as url, looking(browser, url) as page:
        page.clock.install()
        page.goto(f"{url}/#/jobs/a")
        page.get_by_role("heading", name="So far").wait_for()
        page.clock.fast_forward(11_000)
        expect(page.locator("canvas")).to_have_count(3)
        scene.samples["a"].append(sample(30))
        page.clock.fast_forward(2_000)
        page.clock.fast_forward(11_000)
        expect(page.locator("[data-term=total] .figure")).to_have_text("30,000")


def test_jobs_are_filtered_and_paged_by_the_address(browser: Browser) -> None:
    """A filter and a page stand in the address; Back leads to the one before."""
    scene = Scene(pipelines=[pipeline_of("users"), pipeline_of("orders")])
    scene.jobs = [job(("users", "orders")[n % 2], id=f"j{n}", state="stopped") for n in range(50)]
    with staged(scene) as url, looking(browser, url) as page:
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(20)
        page.get_by_label("Pipeline", exact=True).select_option("orders")
        expect(rows.first).to_have_attribute("data-job", "j1")
        page.get_by_role("link", name="Older").click()
        expect(rows).to_have_count(5)
        assert "pipeline=orders" in page.url
        page.reload()
        expect(rows).to_have_count(5)
        page.get_by_role("link", name="Newest").click()
        expect(rows).to_have_count(20)
        page.go_back()
        expect(rows).to_have_count(5)
        page.get_by_label("State", exact=True).select_option("failed")
        expect(page.get_by_text("No job is so.")).to_be_visible()


def test_what_cannot_be_is_not_sent(browser: Browser) -> None:
    """A limit below zero is marked, told of and focused; the server is not asked."""
    scene = Scene(pipelines=[pipeline_of("users")])
    with staged(scene) as url, looking(browser, url) as page:
        page.get_by_role("button", name="Options of users").click()
        page.get_by_label("Limit").fill("-1")
        page.get_by_role("button", name=re.compile("^Start")).click()
        expect(page.get_by_label("Limit")).to_be_focused()
        expect(page.get_by_label("Limit")).to_have_attribute("aria-invalid", "true")
        assert [one for one in scene.asked if one[0] == "POST"] == []


def test_a_refusal_is_told_beside_its_button(browser: Browser) -> None:
    """The problem's own words, and when to try again."""
    scene = Scene(pipelines=[pipeline_of("users")])

    def refuse(method: str, _path: str) -> tuple[int, dict[str, Any]] | None:
        said = {"title": "The queue is full", "detail": "100 jobs wait; try again later"}
        return (429, said) if method == "POST" else None

    scene.answer = refuse
    with staged(scene) as url, looking(browser, url, calm=False) as page:
        page.get_by_role("button", name=re.compile("^Start")).click()
        told = page.get_by_role("listitem").filter(has=page.get_by_role("alert"))
        expect(told).to_contain_text("The queue is full. 100 jobs wait; try again later.")


def test_a_start_whose_answer_is_lost_starts_one_job(browser: Browser) -> None:
    """Pressed again, the same wish goes out under the same Idempotency-Key; another has its own."""
    scene = running()
    keys: list[str] = []
    with staged(scene) as url, looking(browser, url, calm=False) as page:
        start = page.get_by_role("button", name=re.compile("^Start"))
        start.wait_for()
        page.route("**/migrate", lambda route: route.abort())
        page.on("request", lambda one: keys.extend(_key(one.headers, one.method)))
        start.click()
        expect(page.get_by_text("it starts one job, not two")).to_be_visible()
        page.unroute("**/migrate")
        start.click()
        page.wait_for_url(re.compile("#/jobs/a"))
        page.goto(f"{url}/#/")
        start.click()
        page.wait_for_url(re.compile("#/jobs/a"))
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]


def _key(headers: dict[str, str], method: str) -> list[str]:
    return [headers["idempotency-key"]] if method == "POST" else []


def colourful() -> Scene:
    """Return a scene with every state, a problem, a warning and errors."""
    states = ["queued", "stopping", "succeeded", "failed", "stopped", "interrupted"]
    states.append("completed_with_errors")
    scene = running()
    scene.pipelines += [
        pipeline_of("typo", valid=False, problem="typo.yaml:3:1: unknown key"),
        pipeline_of("live", endpoint="aws", last_job=job("live", state="failed")),
    ]
    scene.jobs += [job("users", id=state, state=state, resumable=True) for state in states]
    scene.samples["completed_with_errors"] = scene.samples["a"]
    scene.reports["completed_with_errors"] = {
        **dict.fromkeys(("succeeded", "superseded", "rejected", "failed"), 1),
        "total": 4,
        "unsettled": 2,
        "warnings": ["one partition takes it all"],
        "dead_letter": "users/1/dead-letter.jsonl",
        "errors_by_kind": {"schema": 1},
    }
    letter = {"part": "a.jsonl", "line": 7, "kind": "schema", "rule": "type", "field": "x"}
    scene.errors["completed_with_errors"] = [{**letter, "message": "no", "key": {"PK": "…"}}]
    levels = ("debug", "info", "warning", "error")
    scene.logs["completed_with_errors"] = [{"level": one, "event": "e", "a": 1} for one in levels]
    return scene


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, scheme: str) -> None:
    """All text has the contrast of WCAG AA in both schemes, whatever its state and place."""
    with staged(colourful()) as url, looking(browser, url, color_scheme=scheme) as page:
        expect(page.locator("tbody tr")).to_have_count(8)
        page.get_by_role("button", name="Options of users").click()
        faint = [one for one in contrasts(page) if one[0] < READABLE]
        for name in ("completed_with_errors", "failed", "interrupted", "queued"):
            page.goto(f"{url}/#/jobs/{name}")
            page.get_by_role("heading", name="users").wait_for()
            if name.startswith("completed"):
                page.get_by_role("log").wait_for()
            found = contrasts(page)
            assert len(found) > 8
            faint += [one for one in found if one[0] < READABLE]
    assert faint == []


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"attempts": 1, "exit_code": 2}, "the table is as it was"),
        ({"attempts": 0}, "the table is as it was"),
        ({"attempts": 2, "exit_code": 2}, "what it wrote before is in the table"),
        ({"attempts": 1}, "what it wrote before is in the table"),
        ({"attempts": 1, "exit_code": 3}, "It cannot be resumed."),
    ],
)
def test_what_is_in_the_table_after_a_failure_is_not_only_the_last_attempt(
    browser: Browser, facts: dict[str, Any], told: str
) -> None:
    """Refused at its second start, it had written all the same; killed by a bug, nobody knows."""
    scene = colourful()
    scene.jobs.append(job("one", state="failed", message="it was refused", **facts))
    with staged(scene) as url, looking(browser, f"{url}/#/jobs/job-of-one") as page:
        expect(page.get_by_text(told)).to_be_visible()
        untouched = "the table is as it was"
        assert page.get_by_text(untouched).count() == (1 if told == untouched else 0)


def test_a_message_of_one_long_word_does_not_push_the_page_wide(browser: Browser) -> None:
    """At 390 px nothing is beside the screen, however long a name or a path is."""
    long = "x" * 300
    scene = colourful()
    scene.jobs[0].update(pipeline=long, message=long, run=long)
    scene.pipelines.append(pipeline_of(long, table=long, problem=long, valid=False))
    scene.jobs.append(job(long, id="long", state="failed", message=long))
    scene.samples["long"] = [sample(1, rejected=1, activity=long)]
    scene.errors["long"] = [
        {"part": long, "line": 1, "kind": "schema", "rule": long, "message": long}
    ]
    scene.logs["long"] = [{"level": "info", "event": long, long: long}]
    phone: Any = {"width": 390, "height": 800}
    with staged(scene) as url, looking(browser, url, viewport=phone) as page:
        expect(page.locator("tbody tr")).to_have_count(9)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto(f"{url}/#/jobs/long")
        page.get_by_role("log").wait_for()
        expect(page.get_by_role("table")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
