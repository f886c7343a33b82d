// The first view: the pipelines of the folder, and the jobs, newest first.

import { announce, attribute, h, keyed, moment, say, show } from "/assets/dom.js";
import { json } from "/assets/http.js";
import { jobPath, repeat } from "/assets/live.js";
import { badge, bar, routeOf, trouble } from "/assets/parts.js";
import { starter } from "/assets/start.js";
import { ACTIVE, count, duration, overridesShort, percent, plural, seconds, share, STATE_NAMES, stateText } from "/assets/words.js";

const PAGE = 20;
const AT_ONCE = 4; // connections: a browser has six for a server

export function overview(asked, signal) {
  document.title = "Pipelines";
  const jobs = jobsPanel(asked, signal);
  const pipelines = pipelinesPanel(signal, jobs.names);
  const element = h("div", { class: "overview" }, pipelines.element, jobs.element);
  return { element, filter: jobs.filter };
}

// Pipelines

function pipelinesPanel(signal, named) {
  const list = h("ul", { class: "pipelines" });
  const empty = h("p", { class: "empty", text: "No pipeline definition (*.yaml) stands in the folder that is served.", hidden: true });
  const problem = trouble();
  const known = new Map();
  const jump = h("button", { type: "button", class: "jump", text: "Jobs ↓", on: { click: toJobs } });
  const element = h("section", { "aria-labelledby": "pipelines-title", class: "panel" },
    h("div", { class: "panel-head" }, h("h1", { id: "pipelines-title", text: "Pipelines" }), jump), problem.element, list, empty);
  repeat(async () => {
    const { pipelines } = await json("/api/pipelines", { signal });
    problem.update(null);
    keyed(list, known, pipelines, (one) => one.name, (one) => pipelineRow(one, signal));
    show(empty, pipelines.length === 0);
    named(pipelines.map((one) => one.name));
  }, { interval: () => 3000, refused: problem.update, signal });
  return { element };
}

/** Where one panel stands below the other, jobs are far down. */
function toJobs() {
  const title = document.getElementById("jobs-title");
  title.scrollIntoView();
  title.focus({ preventScroll: true });
}

function pipelineRow(first, signal) {
  const name = first.name;
  const route = h("p", { class: "route" });
  const broken = h("pre", { class: "broken" });
  const start = starter(name, signal);
  const last = lastJob();
  const element = h("li", { class: "pipeline", "data-pipeline": name },
    h("div", { class: "pipeline-head" }, h("h2", { text: name }), ...start.buttons),
    route, last.element, broken, start.element);
  let told = null;
  return {
    element,
    update(pipeline) {
      const tale = JSON.stringify([pipeline.source, pipeline.table, pipeline.endpoint]);
      if (tale !== told) {
        told = tale;
        const known = pipeline.table || pipeline.source;
        route.replaceChildren(...(known ? routeOf(pipeline.source, pipeline.table, pipeline.endpoint) : []));
      }
      say(broken, pipeline.valid ? "" : pipeline.problem || "The definition is broken.");
      show(broken, !pipeline.valid);
      start.update(pipeline);
      last.update(pipeline);
    },
  };
}

function lastJob() {
  const state = badge();
  const when = moment();
  const address = h("a", {}, state.element, " ", when.element);
  const more = h("span");
  const element = h("p", { class: "last" }, address, more);
  return {
    element,
    update({ last_job: job, active_jobs: active = [] }) {
      show(element, Boolean(job));
      if (!job) return;
      state.update(job.state);
      when.update(seconds(job.ended_at) ?? seconds(job.started_at) ?? seconds(job.created_at));
      attribute(address, "href", `#/jobs/${encodeURIComponent(job.id)}`);
      say(more, active.length > 1 ? ` · ${active.length - 1} more active` : "");
    },
  };
}

// Jobs

function jobsPanel(asked, signal) {
  const chosen = filters();
  const rows = h("tbody", { role: "rowgroup" });
  const empty = h("p", { class: "empty", hidden: true });
  const problem = trouble();
  const pages = paging();
  const known = new Map();
  const details = detailsOf(signal);
  let query = asked;
  let ready = false;

  const element = h("section", { "aria-labelledby": "jobs-title", class: "panel" },
    h("div", { class: "panel-head" }, h("h1", { id: "jobs-title", text: "Jobs", tabindex: "-1" }), chosen.element),
    problem.element, table(rows), empty, pages.element);

  async function load() {
    const used = query;
    const wanted = new URLSearchParams({ limit: String(PAGE) });
    for (const name of ["state", "pipeline", "before"]) if (used.get(name)) wanted.set(name, used.get(name));
    const { jobs, next } = await json(`/api/jobs?${wanted}`, { signal });
    if (used !== query) return;
    problem.update(null);
    const full = await details(jobs, !ready);
    if (used !== query) return;
    ready = true;
    keyed(rows, known, full, (row) => row.job.id, jobRow);
    show(rows.parentElement, jobs.length > 0);
    show(empty, jobs.length === 0);
    say(empty, emptyText(used));
    pages.update(used, next);
  }

  const loading = repeat(load, { interval: () => (details.busy() ? 1000 : 2500), refused: problem.update, signal });
  const filter = (given) => {
    query = given;
    chosen.update(given);
    loading.now();
  };
  chosen.update(asked);
  return { element, filter, names: chosen.names };
}

function emptyText(query) {
  if (query.get("state") || query.get("pipeline")) return "No job is so. Choose another state or pipeline.";
  return query.get("before") ? "There are no older jobs." : "No job yet. Start a pipeline: it appears here.";
}

function table(rows) {
  const heads = ["State", "Pipeline", "Progress", "Items/s", "Not written", "Began", "Took"];
  return h("table", { class: "jobs", role: "table", hidden: true },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      heads.map((text, index) => h("th", { role: "columnheader", scope: "col", text, class: [3, 4, 6].includes(index) ? "number" : null })))),
    rows);
}

/** What the list needs of each job beyond its line: of one that runs each time, else once. */
function detailsOf(signal) {
  const settled = new Map();
  let active = 0;
  const load = async (jobs) => {
    active = jobs.filter((job) => ACTIVE.has(job.state)).length;
    const wanted = jobs.filter((job) => job.state !== "queued" && !settled.has(stamp(job)));
    const found = new Map();
    const one = async (job) => {
      try {
        const full = await json(jobPath(job.id), { signal });
        found.set(job.id, full);
        if (!ACTIVE.has(full.state)) settled.set(stamp(full), full);
      } catch (error) {
        if (signal.aborted) throw error; // the line alone says enough; the list itself tells of a loss
      }
    };
    for (let at = 0; at < wanted.length; at += AT_ONCE) await Promise.all(wanted.slice(at, at + AT_ONCE).map(one));
    return jobs.map((job) => ({ job, full: found.get(job.id) || settled.get(stamp(job)) || null }));
  };
  load.busy = () => active > 0;
  return load;
}

function stamp(job) {
  return `${job.id} ${job.state} ${job.attempts}`;
}

function jobRow(first) {
  const { job } = first;
  const state = badge();
  const done = bar(`Progress of ${job.pipeline}`);
  const began = moment();
  const name = h("a", { href: `#/jobs/${encodeURIComponent(job.id)}`, text: job.pipeline });
  const cells = { how: h("span", { class: "how" }), share: h("span", { class: "share" }), rate: cell("Items/s"), lost: cell("Not written"), took: cell("Took") };
  const element = h("tr", { role: "row", "data-job": job.id },
    h("td", { role: "cell" }, state.element),
    h("td", { role: "cell", class: "name" }, name, cells.how),
    h("td", { role: "cell", class: "progress" }, done.element, cells.share),
    cells.rate.element, cells.lost.element,
    h("td", { role: "cell", class: "began" }, began.element),
    cells.took.element);
  let before = job.state;
  return {
    element,
    update({ job: line, full }) {
      const now = full || line;
      const numbers = now.report || now.live || {};
      if (now.state !== before) announce(`${now.pipeline}: ${stateText(now.state)}`);
      before = now.state;
      state.update(now.state);
      done.update(now.live, now);
      say(cells.how, howText(now));
      say(cells.share, shareText(now, numbers));
      cells.rate.update(numbers.items_per_s === undefined ? "" : count(numbers.items_per_s));
      const lost = (numbers.rejected || 0) + (numbers.failed || 0);
      cells.lost.update(lost ? count(lost) : "", lost > 0);
      began.update(seconds(now.started_at) ?? seconds(now.created_at));
      cells.took.update(tookText(now));
    },
  };
}

function cell(label) {
  const text = h("span");
  const element = h("td", { role: "cell", class: "number", "data-label": label }, text);
  return {
    element,
    update(value, bad = false) {
      say(text, value);
      attribute(element, "class", `number${value === "" ? " none" : ""}${bad ? " lost-items" : ""}`);
    },
  };
}

function howText(job) {
  const parts = overridesShort(job.overrides);
  if (job.upload) parts.unshift("uploaded");
  if (job.attempts > 1) parts.push(`attempt ${job.attempts}`);
  return parts.join(" · ");
}

function shareText(job, numbers) {
  if (job.state === "queued") return job.queue_position ? `waits, number ${job.queue_position}` : "waits";
  if (ACTIVE.has(job.state)) {
    const done = share(job.live);
    const left = job.live && job.live.eta_s !== null && job.live.eta_s !== undefined ? ` · ${duration(job.live.eta_s)} left` : "";
    return done === null ? plural(numbers.settled || 0, "item") : `${percent(done)}${left}`;
  }
  if (numbers.total === undefined && numbers.settled === undefined) return "nothing was written";
  return plural(numbers.total ?? numbers.settled, "item");
}

function tookText(job) {
  const began = seconds(job.started_at);
  if (began === null) return "";
  if (job.report && job.report.duration_s !== undefined) return duration(job.report.duration_s);
  return duration((seconds(job.ended_at) ?? Date.now() / 1000) - began);
}

// Filter and pages: they stand in the address, so that Back, a bookmark and a colleague see the same.

function filters() {
  const state = h("select", { id: "filter-state" }, h("option", { value: "", text: "all" }),
    STATE_NAMES.map((name) => h("option", { value: name, text: stateText(name) })));
  const pipeline = h("select", { id: "filter-pipeline" }, h("option", { value: "", text: "all" }));
  const go = () => {
    const query = new URLSearchParams();
    if (state.value) query.set("state", state.value);
    if (pipeline.value) query.set("pipeline", pipeline.value);
    location.hash = address(query);
  };
  state.addEventListener("change", go);
  pipeline.addEventListener("change", go);
  const element = h("div", { class: "filters", role: "group", "aria-label": "Which jobs" },
    h("label", { for: "filter-state", text: "State" }), state,
    h("label", { for: "filter-pipeline", text: "Pipeline" }), pipeline);
  let wanted = "";
  return {
    element,
    update(query) {
      state.value = query.get("state") || "";
      wanted = query.get("pipeline") || "";
      offer(pipeline, wanted ? [wanted] : []);
      pipeline.value = wanted;
    },
    names(names) {
      offer(pipeline, names);
      pipeline.value = wanted;
    },
  };
}

function offer(select, names) {
  const there = new Set([...select.options].map((option) => option.value));
  for (const name of names) if (!there.has(name)) select.append(h("option", { value: name, text: name }));
}

function address(query) {
  const text = query.toString();
  return text ? `#/?${text}` : "#/";
}

function paging() {
  const newest = h("a", { text: "Newest" });
  const older = h("a", { text: "Older", rel: "next" });
  const element = h("nav", { class: "pages", "aria-label": "Pages of jobs", hidden: true }, newest, older);
  const link = (anchor, query, before) => {
    const to = new URLSearchParams(query);
    to.delete("before");
    if (before) to.set("before", before);
    attribute(anchor, "href", address(to));
  };
  return {
    element,
    update(query, next) {
      const later = Boolean(query.get("before"));
      show(element, later || next !== null);
      show(newest, later);
      show(older, next !== null);
      link(newest, query, null);
      link(older, query, next);
    },
  };
}
