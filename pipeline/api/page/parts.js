// Parts that several views show: a state, a problem, how far a job is, where it writes.

import { attribute, h, say, show } from "/assets/dom.js";
import { Problem, Unreachable } from "/assets/http.js";
import { percent, share, stateText, stateTone } from "/assets/words.js";

/** A state: a coloured mark and its word. */
export function badge() {
  const word = h("span");
  const element = h("span", { class: "badge" }, h("span", { class: "mark", "aria-hidden": "true" }), word);
  return {
    element,
    update(state) {
      attribute(element, "class", `badge ${stateTone(state)}`);
      attribute(element, "data-state", state);
      say(word, stateText(state));
    },
  };
}

/** A bar of how far a job is; without a known end it only says that something is going on. */
export function bar(label) {
  const element = h("progress", { class: "bar", max: 1, "aria-label": label });
  return {
    element,
    update(sample, job) {
      const over = job.state === "succeeded" || job.state === "completed_with_errors";
      const done = over ? 1 : share(sample);
      const idle = done === null && job.state !== "running" && job.state !== "stopping";
      attribute(element, "value", idle ? 0 : done);
      attribute(element, "data-tone", stateTone(job.state));
      attribute(element, "aria-valuetext", done === null ? "how much there is to do is not known" : percent(done, over));
    },
  };
}

/** Where the user looks: what was refused, in words. `update(null)` takes it away. */
export function trouble() {
  const text = h("p");
  const fields = h("ul");
  const request = h("p", { class: "fine" });
  const element = h("div", { class: "problem", role: "alert", hidden: true }, text, fields, request);
  return {
    element,
    update(error) {
      show(element, error !== null);
      if (error === null) return;
      const { lines, id } = inWords(error);
      say(text, lines[0]);
      fields.replaceChildren(...lines.slice(1).map((line) => h("li", { text: line })));
      show(fields, lines.length > 1);
      say(request, id ? `Request ${id.replace(/^urn:uuid:/, "")}; the server's log has more under this id.` : "");
      show(request, Boolean(id));
    },
  };
}

function inWords(error) {
  if (error instanceof Unreachable) return { lines: ["The server does not answer."], id: null };
  if (!(error instanceof Problem)) return { lines: [`This page failed: ${error.message}`], id: null };
  const again = error.retryAfter === null ? "" : ` Try again in ${error.retryAfter} s.`;
  const detail = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  const head = error.title && error.title !== error.message ? `${error.title}. ${detail}` : detail;
  const lines = [`${head}${/[.!?]$/.test(head) ? "" : "."}${again}`];
  for (const one of error.fields) lines.push(one.field ? `${one.field}: ${one.message}` : one.message);
  return { lines, id: error.status >= 500 ? error.request : null };
}

const ENDPOINTS = { aws: "AWS", embedded: "embedded engine", url: "custom endpoint" };
const ARTICLES = { embedded: "the ", url: "a " };

/** Where it is, as it goes into a sentence behind "on". */
export function endpointText(endpoint) {
  return `${ARTICLES[endpoint] || ""}${ENDPOINTS[endpoint] || endpoint || "an unknown endpoint"}`;
}

/** `file → table Users · AWS`, as one line of elements. */
export function routeOf(source, table, endpoint) {
  return [
    source ? `${source} → ` : "", "table ", h("strong", { text: table || "?" }), " · ",
    h("span", { class: endpoint === "aws" ? "place aws" : "place", text: ENDPOINTS[endpoint] || endpoint || "unknown endpoint" }),
  ];
}
