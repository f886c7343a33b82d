// The long lists of a job: its errors and its log, a page at a time.

import { attribute, h, say, show } from "/assets/dom.js";
import { json, Problem } from "/assets/http.js";
import { jobPath } from "/assets/live.js";
import { trouble } from "/assets/parts.js";
import { count, plural } from "/assets/words.js";

const ERRORS = 20;
const LINES = 200;
const KEPT_LINES = 1000;

/** The errors: `update(number)` with how many there are, as often as that is known. */
export function errorList(id, signal) {
  const rows = h("tbody", { role: "rowgroup" });
  const heading = h("h2", { id: "errors-title", text: "Errors", tabindex: "-1" });
  const problem = trouble();
  const older = h("button", { type: "button", text: "Previous" });
  const newer = h("button", { type: "button", text: "Next" });
  const place = h("span", { class: "fine" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages of errors" }, older, place, newer);
  const table = h("table", { class: "errors", role: "table", "aria-labelledby": "errors-title" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      ["Where", "Why", "What"].map((text) => h("th", { role: "columnheader", scope: "col", text })))), rows);
  const element = h("section", { class: "panel", "aria-labelledby": "errors-title", hidden: true }, heading, problem.element, table, pages);
  const starts = [0];
  let at = 0;
  let known = 0;
  let rowsShown = "";
  let loading = false;
  let stale = false;

  const load = async () => {
    if (loading) {
      stale = true;
      return;
    }
    loading = true;
    do {
      stale = false;
      await once().catch(failed);
    } while (stale && !signal.aborted);
    loading = false;
  };
  const failed = (error) => {
    if (signal.aborted) return;
    if (at > 0 && error instanceof Problem && error.status === 404) {
      at = 0; // a resume cut the list to its checkpoint: the page is no more
      stale = true;
    } else problem.update(error);
  };
  const once = async () => {
    const page = await json(`${jobPath(id)}/errors?after=${starts[at]}&limit=${ERRORS}`, { signal });
    problem.update(null);
    const tale = JSON.stringify(page.errors);
    if (tale !== rowsShown) rows.replaceChildren(...page.errors.map(errorRow));
    rowsShown = tale;
    if (page.next !== null && page.errors.length) starts[at + 1] = page.next;
    else starts.length = at + 1;
    const first = at * ERRORS + 1;
    say(place, page.errors.length ? `${count(first)} to ${count(first + page.errors.length - 1)} of ${count(Math.max(known, first + page.errors.length - 1))}` : "");
    older.disabled = at === 0;
    newer.disabled = starts.length <= at + 1;
    show(pages, at > 0 || starts.length > 1);
  };
  const turn = (by) => async () => {
    at += by;
    await load();
    heading.focus();
  };
  older.addEventListener("click", turn(-1));
  newer.addEventListener("click", turn(1));
  return {
    element,
    /** `fresh`: load again also where the number is the same. */
    update(number, fresh = false) {
      const more = number !== known;
      known = number;
      show(element, number > 0);
      say(heading, number > 0 ? `Errors (${count(number)})` : "Errors");
      if (number > 0 && (more || fresh)) load();
    },
  };
}

function errorRow(error) {
  const where = h("span", { class: "where" }, h("bdi", { text: error.part ?? error.source ?? "?" }), `:${error.line ?? "?"}`);
  const item = error.item === null || error.item === undefined ? null : h("span", { class: "fine", text: `item ${error.item}` });
  const field = error.field ? h("code", { text: error.field }) : null;
  const key = error.key ? h("p", { class: "fine" }, "key ", h("code", { text: typeof error.key === "string" ? error.key : JSON.stringify(error.key) })) : null;
  return h("tr", { role: "row" },
    h("td", { role: "cell" }, where, item ? " " : null, item),
    h("td", { role: "cell" }, h("span", { class: "kind", text: error.kind ?? "?" }), " ", h("span", { class: "rule", text: error.rule ?? "" })),
    h("td", { role: "cell" }, h("p", {}, field, field ? " " : null, error.message ?? ""), key));
}

/** The log: `refresh()` reads on from where it is; the newest line is below. */
export function logList(id, signal) {
  const lines = h("ol", { class: "log", tabindex: "0", role: "log", "aria-live": "off", "aria-labelledby": "log-title" });
  const problem = trouble();
  const left = h("p", { class: "fine", hidden: true });
  const element = h("section", { class: "panel", "aria-labelledby": "log-title", hidden: true },
    h("h2", { id: "log-title", text: "Log" }), problem.element, left, lines);
  let after = 0; // where the page begins that is read next
  let had = 0; // lines of it that are shown already: the last page grows while the job runs
  let loading = false;
  let dropped = 0;

  const refresh = async () => {
    if (loading) return;
    loading = true;
    try {
      await readOn();
      problem.update(null);
    } catch (error) {
      if (!signal.aborted) problem.update(error);
    } finally {
      loading = false;
    }
  };
  const readOn = async () => {
    for (;;) {
      const page = await json(`${jobPath(id)}/log?after=${after}&limit=${LINES}`, { signal });
      const bottom = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 30;
      lines.append(...page.lines.slice(had).map(logLine));
      had = page.lines.length;
      trim();
      show(element, lines.childElementCount > 0);
      if (bottom) lines.scrollTop = lines.scrollHeight;
      if (page.next === null || page.next === after) return;
      after = page.next;
      had = 0;
    }
  };
  const trim = () => {
    while (lines.childElementCount > KEPT_LINES) {
      lines.firstElementChild.remove();
      dropped += 1;
    }
    say(left, dropped ? `The newest ${count(KEPT_LINES)} lines; ${plural(dropped, "line")} before them stand in the run's log.jsonl.` : "");
    show(left, dropped > 0);
  };
  return { element, refresh };
}

const APART = new Set(["timestamp", "level", "event", "run"]);

function logLine(line) {
  const facts = Object.entries(line).filter(([name, value]) => !APART.has(name) && value !== null);
  const element = h("li", { class: `line ${["warning", "error", "critical"].includes(line.level) ? line.level : ""}` },
    h("time", { text: clock(line.timestamp) }), " ",
    h("span", { class: "level", text: line.level ?? "" }), " ",
    h("span", { class: "event", text: line.event ?? "" }), " ",
    facts.map(([name, value]) => [h("span", { class: "fact" }, h("span", { class: "fact-name", text: `${name}=` }), factText(value)), " "]).flat());
  attribute(element, "title", line.timestamp ?? null);
  return element;
}

function factText(value) {
  if (typeof value === "string") return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

function clock(timestamp) {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString("en-GB", { hour12: false });
}
