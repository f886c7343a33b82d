// One job: what it does, how it goes, what became of every record, and what to do next.

import { announce, attribute, h, moment, say, show } from "/assets/dom.js";
import { advice } from "/assets/advice.js";
import { connection, json, Problem } from "/assets/http.js";
import { ledger } from "/assets/ledger.js";
import { errorList, logList } from "/assets/lists.js";
import { follow, jobPath, pause } from "/assets/live.js";
import { badge, bar, routeOf, trouble } from "/assets/parts.js";
import { ACTIVE, bytes, count, isNumber, overridesText, percent, plural, progressText, seconds, share, stateText } from "/assets/words.js";

const REDRAW_MS = 250;
const OVER_MS = 5000;
const LISTS_MS = 2000;

export function jobView(id, signal) {
  const parts = partsOf(id, signal);
  const element = h("article", { class: "job" }, parts.head.element, parts.problem.element, parts.body);
  const known = { job: null, samples: [], mode: "live" };
  const redraw = slowly(() => draw(parts, known), REDRAW_MS, signal);
  const lists = slowly(() => refreshLists(parts, known), LISTS_MS, signal);

  const on = {
    job(job) {
      const before = known.job;
      known.job = { ...(before || {}), ...job };
      if (ACTIVE.has(job.state)) known.job.report = null;
      if (before && before.state !== job.state) announce(`${job.pipeline}: ${sentence(known.job)}`);
      parts.problem.update(null);
      redraw();
    },
    sample(sample) {
      known.samples.push(sample);
      if (known.job) known.job.live = sample;
      redraw();
      lists();
    },
    mode(mode) {
      known.mode = mode;
      redraw();
    },
    refused: parts.problem.update,
  };
  parts.head.acts((what) => act(id, what, on, signal), parts.problem);
  watch(id, known, on, () => { redraw.now(); lists.now(); }, signal);
  signal.addEventListener("abort", () => parts.charts.destroy());
  show(parts.body, false);
  return { element };
}

/** Load the job, follow it to its end, and look now and then whether somebody resumes it. */
async function watch(id, known, on, drawn, signal) {
  let last = -1;
  let looked = false;
  while (!signal.aborted) {
    try {
      on.job(await json(jobPath(id), { signal }));
      if (!looked || ACTIVE.has(known.job.state)) {
        drawn();
        last = await follow(id, last, on, signal);
        looked = true;
        on.job(await json(jobPath(id), { signal })); // with its report
        drawn();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem) on.refused(error);
      if (error instanceof Problem && error.status === 404) return;
    }
    await pause(OVER_MS, signal);
  }
}

async function act(id, what, on, signal) {
  on.job(await json(`${jobPath(id)}/${what}`, { method: "POST", signal }));
  connection.retry(); // whoever waits to look again need not
}

function slowly(task, ms, signal) {
  let timer = null;
  const run = () => {
    timer = null;
    if (!signal.aborted) task();
  };
  const later = () => {
    if (timer === null) timer = setTimeout(run, ms);
  };
  later.now = () => {
    clearTimeout(timer);
    run();
  };
  return later;
}

function partsOf(id, signal) {
  const chartsAt = h("div", { class: "charts" });
  const noCharts = h("p", { class: "empty", text: "The charts appear when the first numbers are there." });
  const parts = {
    head: headOf(id, signal),
    problem: trouble(),
    next: nextOf(),
    ledger: ledger(),
    charts: chartsOf(chartsAt),
    noCharts,
    errors: errorList(id, signal),
    log: logList(id, signal),
  };
  const charts = h("section", { class: "panel", "aria-labelledby": "charts-title" }, h("h2", { id: "charts-title", text: "Over time" }), chartsAt, noCharts);
  parts.chartsPanel = charts;
  parts.body = h("div", { class: "job-body" }, parts.next.element, parts.ledger.element, charts, parts.errors.element, parts.log.element);
  return parts;
}

function chartsOf(element) {
  let charts = null;
  let drawn = -1;
  return {
    set(samples) {
      if (!window.PipelineCharts || samples.length === drawn) return;
      if (charts === null) charts = window.PipelineCharts.mount(element);
      drawn = samples.length;
      charts.set(samples);
    },
    destroy: () => charts && charts.destroy(),
  };
}

function draw(parts, known) {
  const { job, samples } = known;
  if (job === null) return;
  show(parts.body, true);
  document.title = titleOf(job);
  parts.head.update(job, known.mode);
  parts.next.update(job);
  parts.ledger.update(job);
  show(parts.chartsPanel, job.state !== "queued" && (samples.length > 0 || ACTIVE.has(job.state)));
  show(parts.noCharts, samples.length < 2);
  if (samples.length >= 2) parts.charts.set(samples);
}

function refreshLists(parts, { job }) {
  if (job === null) return;
  const numbers = job.report || job.live || {};
  parts.errors.update((numbers.rejected || 0) + (numbers.failed || 0), job.report !== null);
  if (job.state !== "queued") parts.log.refresh();
}

function titleOf(job) {
  const done = job.state === "running" ? share(job.live) : null;
  return `${done === null ? stateText(job.state) : percent(done)} · ${job.pipeline}`;
}

function sentence(job) {
  const report = job.report;
  if (!report || !isNumber(report.total)) return stateText(job.state);
  return `${stateText(job.state)}, ${count(report.succeeded)} of ${plural(report.total, "item")} succeeded`;
}

// The head: name, state, where it writes, how far it is, stop and resume

function headOf(id, signal) {
  const name = h("h1", { text: "Job" });
  const state = badge();
  const route = h("p", { class: "route" });
  const facts = h("p", { class: "fine job-facts" });
  const done = bar("Progress");
  const far = h("p", { class: "far" });
  const doing = h("p", { class: "doing" });
  const stop = actButton("Stop", "Stopping…");
  const resume = actButton("Resume", "Resuming…");
  resume.element.classList.add("primary");
  const element = h("header", { class: "panel job-head" },
    h("p", { class: "back" }, h("a", { href: "#/", text: "← All jobs" })),
    h("div", { class: "job-title" }, name, state.element, h("span", { class: "acts" }, stop.element, resume.element)),
    route, done.element, far, doing, facts);
  show(done.element, false);
  const aim = aimOf(signal);
  let told = "";
  return {
    element,
    acts(act, problem) {
      stop.does(() => act("stop"), problem);
      resume.does(() => act("resume"), problem);
    },
    update(job, mode) {
      say(name, job.pipeline);
      state.update(job.state);
      aim(job, route);
      show(done.element, job.state !== "queued" && (ACTIVE.has(job.state) || Boolean(job.live && isNumber(job.live.read))));
      done.update(job.live, job);
      say(far, farText(job));
      say(doing, doingText(job, mode));
      show(doing, doing.textContent !== "");
      const tale = JSON.stringify([job.started_at, job.overrides, job.upload, job.attempts, job.run]);
      if (tale !== told) facts.replaceChildren(...factsOf(job));
      told = tale;
      stop.show(["running", "queued", "interrupted"].includes(job.state), job.state === "interrupted" ? "Leave it stopped" : "Stop");
      resume.show(!ACTIVE.has(job.state) && job.resumable === true);
    },
  };
}

function farText(job) {
  if (!ACTIVE.has(job.state) || job.state === "queued") return "";
  const done = share(job.live);
  const live = job.live && job.state === "stopping" ? { ...job.live, eta_s: null } : job.live;
  const text = progressText(live);
  if (text === "") return "It opens its source and its table.";
  return done === null ? text : `${percent(done)} · ${text}`;
}

function doingText(job, mode) {
  const parts = [];
  if (ACTIVE.has(job.state) && job.live && job.live.activity) parts.push(job.live.activity);
  if (ACTIVE.has(job.state) && mode === "asking") parts.push("the stream of events does not come through; the page asks every two seconds");
  return parts.join(" · ");
}

function factsOf(job) {
  const parts = [];
  const add = (...nodes) => parts.push(h("span", {}, ...nodes));
  const began = seconds(job.started_at);
  const when = moment();
  when.update(began ?? seconds(job.created_at));
  add(began === null ? "asked for " : "began ", when.element);
  for (const text of overridesText(job.overrides)) add(text);
  if (job.upload) add(`uploaded ${job.upload.format === "csv" ? "CSV" : "JSON lines"}${job.upload.compression === "gzip" ? " (gzip)" : ""}, ${bytes(job.upload.bytes)}`);
  if (job.attempts > 1) add(`attempt ${job.attempts}`);
  if (job.run) add("run ", h("code", { text: job.run }));
  add("job ", h("code", { text: job.id }));
  return parts;
}

/** Where a job writes: its report knows, before that the definition. */
function aimOf(signal) {
  let found = null;
  let told = "";
  const find = async (name) => {
    const { pipelines } = await json("/api/pipelines", { signal });
    return pipelines.find((one) => one.name === name) || null;
  };
  const tell = (job, route) => {
    const pipeline = found || {};
    const table = job.report && job.report.table ? job.report.table : pipeline.table;
    const source = job.upload ? "uploaded records" : pipeline.source;
    const tale = JSON.stringify([source, table, pipeline.endpoint]);
    if (tale === told || !table) return;
    told = tale;
    route.replaceChildren(...routeOf(source, table, pipeline.endpoint));
  };
  let asked = false;
  return (job, route) => {
    tell(job, route);
    if (asked) return;
    asked = true;
    find(job.pipeline).then((pipeline) => {
      found = pipeline;
      tell(job, route);
    }, () => {}); // a line less: what matters of it, the report has too
  };
}

function actButton(text, busyText) {
  const element = h("button", { type: "button", text, hidden: true });
  let busy = false;
  return {
    element,
    show(shown, now = text) {
      text = now;
      if (!busy) say(element, text);
      const focused = document.activeElement === element;
      show(element, shown);
      if (!shown && focused) document.getElementById("main").focus({ preventScroll: true });
    },
    does(act, problem) {
      element.addEventListener("click", async () => {
        if (busy) return;
        busy = true;
        problem.update(null);
        attribute(element, "aria-disabled", "true");
        say(element, busyText);
        try {
          await act();
        } catch (error) {
          problem.update(error);
        } finally {
          busy = false;
          attribute(element, "aria-disabled", null);
          say(element, text);
        }
      });
    },
  };
}

// What to do next

function nextOf() {
  const title = h("strong");
  const message = h("p", { class: "message" });
  const next = h("p", { class: "what-next" });
  const command = h("pre", { class: "command", tabindex: "0", "aria-label": "Command" });
  const element = h("section", { class: "next", "aria-label": "What to do next", hidden: true }, h("p", {}, title), message, next, command);
  return {
    element,
    update(job) {
      const told = advice(job);
      show(element, told !== null);
      if (told === null) return;
      attribute(element, "class", `next ${told.tone}`);
      say(title, told.title);
      say(message, told.message || "");
      show(message, Boolean(told.message));
      say(next, told.next);
      say(command, told.command || "");
      show(command, Boolean(told.command));
    },
  };
}
