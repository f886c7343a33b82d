// Starting a pipeline: at once with one button, or with a limit, a rate, a dry run, or a file.

import { announce, attribute, h, say, show } from "/assets/dom.js";
import { json, Problem, Unreachable, upload } from "/assets/http.js";
import { endpointText, trouble } from "/assets/parts.js";
import { bytes, overridesText, percent } from "/assets/words.js";

const TYPES = { jsonl: "application/x-ndjson", csv: "text/csv" };
let forms = 0;

export function starter(name, signal) {
  forms += 1;
  const fields = fieldsOf(`start-${forms}`);
  const problem = trouble();
  const told = h("p", { class: "told" });
  const id = `start-${forms}`;
  const button = h("button", { type: "submit", class: "start-button", text: "Start", form: id });
  const sending = sendingOf();
  const form = h("form", { id, class: "options", novalidate: true, hidden: true }, fields.element, told);
  const options = optionsButton(name, form);
  const element = h("div", { class: "start" }, form, problem.element, sending.element);
  let pipeline = null;
  let key = freshKey();
  let busy = false;

  const draw = () => {
    if (pipeline === null) return;
    const wish = fields.wish();
    say(button, busy ? "Starting…" : wish.overrides.dry_run ? "Start dry run" : "Start");
    attribute(button, "aria-label", `${button.textContent}: ${name}, ${aimText(pipeline, wish)}`);
    attribute(button, "title", aimText(pipeline, wish));
    button.disabled = busy || !pipeline.valid;
    say(told, `${button.textContent}${sentence(pipeline, wish)}`);
    options.update(pipeline.valid, fields.touched());
  };

  const submit = async () => {
    const wish = fields.wish();
    if (fields.refuse()) {
      options.open(true);
      fields.focusWrong();
      return;
    }
    busy = true;
    problem.update(null);
    draw();
    try {
      const job = await start(name, wish, key, sending, signal);
      announce(`${name}: the job is ${job.state}`);
      location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Unreachable)) key = freshKey(); // without an answer, the same job is asked for again
      if (error.name === "AbortError") announce("The upload was stopped.");
      else problem.update(explained(error, wish));
      fields.mark(error instanceof Problem ? error.fields : []);
    } finally {
      busy = false;
      sending.end();
      draw();
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy && pipeline && pipeline.valid) submit();
  });
  form.addEventListener("input", () => {
    key = freshKey();
    problem.update(null);
    draw();
  });
  return {
    buttons: [options.element, button],
    element,
    update(given) {
      pipeline = given;
      draw();
    },
  };
}

function optionsButton(name, form) {
  const mark = h("span", { class: "set-mark", text: "(set)", hidden: true });
  const element = h("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-controls": form.id, "aria-label": `Options of ${name}` }, "Options", mark);
  const open = (wanted) => {
    show(form, wanted);
    attribute(element, "aria-expanded", String(wanted));
  };
  element.addEventListener("click", () => open(form.hidden));
  return {
    element,
    open,
    update(offered, set) {
      show(element, offered);
      show(mark, set);
      attribute(element, "aria-label", `Options of ${name}${set ? ", some are set" : ""}`);
      if (!offered) open(false);
    },
  };
}

function explained(error, wish) {
  if (!(error instanceof Unreachable)) return error;
  const file = wish.file ? " A file that is too large for the server can end so too." : "";
  return new Problem(0, { title: "No answer came", detail: `Press Start again when the server is back: it starts one job, not two.${file}` });
}

/** What Start would do, as one sentence that follows its own word. */
function sentence(pipeline, wish) {
  const from = wish.file ? `the records of ${wish.file.name} (${bytes(wish.file.size)})` : `the definition's source (${pipeline.source || "?"})`;
  const verb = wish.overrides.dry_run ? "checks" : "loads";
  const parts = overridesText({ ...wish.overrides, dry_run: false });
  const how = parts.length ? `, ${parts.join(", ")}` : "";
  const last = wish.overrides.dry_run ? ". Nothing is written." : ".";
  return ` ${verb} ${from} ${aimText(pipeline, wish)}${how}${last}`;
}

function aimText(pipeline, wish) {
  return `${wish.overrides.dry_run ? "for" : "into"} table ${pipeline.table || "?"} on ${endpointText(pipeline.endpoint)}`;
}

function freshKey() {
  const dice = crypto.getRandomValues(new Uint8Array(16));
  return [...dice].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function start(name, wish, key, sending, signal) {
  const path = `/api/${encodeURIComponent(name)}/migrate`;
  const headers = { "Idempotency-Key": key };
  if (!wish.file) {
    return json(path, {
      method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(wish.overrides), signal,
    });
  }
  headers["Content-Type"] = TYPES[wish.format];
  if (await isGzip(wish.file)) headers["Content-Encoding"] = "gzip";
  const query = new URLSearchParams(wish.overrides).toString();
  const { sent, stop } = sending.begin(wish.file);
  return upload(query ? `${path}?${query}` : path, wish.file, headers, sent, stop);
}

async function isGzip(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return first === 0x1f && second === 0x8b;
}

/** How much of a file is sent, and a button that stops it. */
function sendingOf() {
  const text = h("span");
  const done = h("progress", { class: "bar", max: 1, "aria-label": "Upload" });
  const stop = h("button", { type: "button", text: "Stop the upload" });
  const element = h("div", { class: "sending", hidden: true }, text, done, stop);
  let ours = null;
  stop.addEventListener("click", () => ours && ours.abort());
  return {
    element,
    begin(file) {
      ours = new AbortController();
      show(element, true);
      const sent = (loaded) => {
        const part = file.size ? Math.min(1, loaded / file.size) : 1;
        attribute(done, "value", part);
        say(text, part < 1 ? `Sent ${bytes(loaded)} of ${bytes(file.size)} (${percent(part)})` : "Sent; the server checks it.");
      };
      sent(0);
      return { sent, stop: ours.signal };
    },
    end() {
      ours = null;
      show(element, false);
    },
  };
}

// The fields

function fieldsOf(id) {
  const limit = number(`${id}-limit`, "Limit", "records", { min: "0", step: "1" });
  const rate = number(`${id}-rate`, "Rate", "write units/s", { min: "1", step: "any" });
  const dry = h("input", { type: "checkbox", id: `${id}-dry` });
  const file = fileField(id);
  let wrong = [];
  const element = h("div", { class: "fields" }, limit.element, rate.element,
    h("p", { class: "check" }, dry, h("label", { for: `${id}-dry`, text: "Dry run: everything but the writes" })),
    file.element);
  return {
    element,
    wish() {
      const overrides = {};
      if (limit.value() !== null) overrides.limit = limit.value();
      if (rate.value() !== null) overrides.rate = rate.value();
      if (dry.checked) overrides.dry_run = true;
      return { overrides, file: file.chosen(), format: file.format() };
    },
    touched: () => Boolean(limit.input.value || rate.input.value || dry.checked || file.chosen()),
    /** Mark what cannot be sent; whether there is such a thing. */
    refuse() {
      wrong = [limit, rate, file].filter((one) => one.refuse());
      return wrong.length > 0;
    },
    focusWrong: () => wrong[0].input.focus(),
    /** Mark the fields that the server named. */
    mark(fields) {
      for (const { field, message } of fields) {
        const one = { limit, rate }[String(field).split(".").pop()];
        if (one) one.mark(message);
      }
    },
  };
}

function number(id, label, unit, bounds) {
  const input = h("input", { type: "number", id, inputmode: "decimal", placeholder: "as defined", "aria-describedby": `${id}-unit ${id}-wrong`, ...bounds });
  const wrong = h("span", { id: `${id}-wrong`, class: "wrong" });
  const element = h("p", { class: "field" }, h("label", { for: id, text: label }), input,
    h("span", { id: `${id}-unit`, class: "unit", text: unit }), wrong);
  const mark = (text) => {
    say(wrong, text);
    attribute(input, "aria-invalid", text ? "true" : null);
  };
  input.addEventListener("input", () => mark(""));
  return {
    element,
    input,
    mark,
    value: () => (input.value === "" || Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber),
    refuse() {
      mark(input.validity.valid ? "" : input.validationMessage);
      return !input.validity.valid;
    },
  };
}

function fileField(id) {
  const input = h("input", { type: "file", id: `${id}-file`, accept: ".ndjson,.jsonl,.json,.csv,.gz", "aria-describedby": `${id}-file-wrong` });
  const format = h("select", { id: `${id}-format` },
    h("option", { value: "jsonl", text: "JSON lines" }), h("option", { value: "csv", text: "CSV" }));
  const clear = h("button", { type: "button", text: "Remove the file" });
  const more = h("p", { class: "field", hidden: true }, h("label", { for: `${id}-format`, text: "Read as" }), format, clear);
  const wrong = h("span", { id: `${id}-file-wrong`, class: "wrong" });
  const chosen = () => (input.files && input.files[0]) || null;
  const changed = () => {
    const file = chosen();
    show(more, file !== null);
    say(wrong, file && file.size === 0 ? "This file is empty." : "");
    if (file) format.value = /\.csv(\.gz)?$/i.test(file.name) ? "csv" : "jsonl";
  };
  input.addEventListener("change", changed);
  clear.addEventListener("click", () => {
    input.value = "";
    changed();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  });
  const element = h("div", { class: "file" },
    h("p", { class: "field" }, h("label", { for: `${id}-file`, text: "Records" }), input, wrong), more,
    h("p", { class: "fine", text: "A file of JSON lines or CSV, gzip or not, loaded instead of the definition's source." }));
  return { element, input, chosen, format: () => format.value, refuse: () => Boolean(chosen() && chosen().size === 0) };
}
