// The numbers of a job: the law (total = succeeded + superseded + rejected + failed), and the rest.

import { attribute, h, say, show } from "/assets/dom.js";
import { amount, count, duration, isNumber, millis, plural } from "/assets/words.js";

const TERMS = [
  ["succeeded", "in the table"],
  ["superseded", "replaced by a later record of the same key"],
  ["rejected", "refused by schema, rules or table"],
  ["failed", "good, but the attempts ran out"],
];

/** `update(job)`: from the newest sample while it runs, from the report at the end. */
export function ledger() {
  const heading = h("h2", { id: "ledger-title" });
  const law = lawOf();
  const facts = h("dl", { class: "facts" });
  const warnings = h("ul", { class: "warnings" });
  const kinds = h("p", { class: "kinds" });
  const element = h("section", { class: "panel ledger", "aria-labelledby": "ledger-title" }, heading, law.element, kinds, facts, warnings);
  const cells = new Map();
  let told = "";
  return {
    element,
    update(job) {
      const numbers = job.report || job.live || {};
      const sum = isNumber(numbers.total) ? numbers.total : numbers.settled;
      show(element, isNumber(sum));
      if (!isNumber(sum)) return;
      say(heading, job.report ? "Report" : "So far");
      law.update(sum, numbers, job);
      draw(facts, cells, job.report ? ofReport(job.report) : ofSample(job.live));
      say(kinds, kindsText(numbers.errors_by_kind));
      show(kinds, kinds.textContent !== "");
      const tale = JSON.stringify(numbers.warnings || []);
      if (tale !== told) warnings.replaceChildren(...(numbers.warnings || []).map((text) => h("li", { text })));
      told = tale;
      show(warnings, warnings.childElementCount > 0);
    },
  };
}

function lawOf() {
  const total = term("total", "items settled");
  const terms = TERMS.map(([name, meaning]) => [name, term(name, meaning)]);
  const verdict = h("p", { class: "verdict" });
  const unsettled = h("p", { class: "unsettled" });
  const line = [total.element];
  terms.forEach(([, one], index) => line.push(h("span", { class: "sign", "aria-hidden": "true", text: index ? "+" : "=" }), one.element));
  const element = h("div", {}, h("div", { class: "law", role: "group", "aria-label": "total = succeeded + superseded + rejected + failed" }, line), verdict, unsettled);
  return {
    element,
    update(sum, numbers, job) {
      total.update(sum);
      let found = 0;
      for (const [name, one] of terms) {
        found += numbers[name] || 0;
        one.update(numbers[name] || 0);
      }
      terms[0][1].mean(job.overrides && job.overrides.dry_run ? "would be in the table" : TERMS[0][1]);
      const right = found === sum;
      attribute(verdict, "data-right", String(right));
      say(verdict, right ? "" : `These do not add up: ${count(found)} are told apart, ${count(sum)} were settled. That is a bug; keep the run's folder.`);
      show(verdict, !right);
      say(unsettled, numbers.unsettled ? `${plural(numbers.unsettled, "more item")} may or may not be in the table; a resume sends them again.` : "");
      show(unsettled, Boolean(numbers.unsettled));
    },
  };
}

function term(name, meaning) {
  const number = h("span", { class: "figure" });
  const why = h("span", { class: "why", text: meaning });
  const element = h("div", { class: `term ${name}`, "data-term": name }, number, h("span", { class: "label", text: name }), why);
  return {
    element,
    update(value) {
      say(number, count(value));
      attribute(element, "data-value", value);
    },
    mean: (text) => say(why, text),
  };
}

function kindsText(kinds) {
  const parts = Object.entries(kinds || {}).map(([kind, number]) => `${count(number)} ${kind}`);
  return parts.length ? `Not written, by kind: ${parts.join(", ")}` : "";
}

function draw(list, cells, facts) {
  for (const [label, value, note] of facts) {
    if (!cells.has(label)) {
      const cell = { value: h("dd"), note: h("dd", { class: "note" }) };
      cell.element = h("div", { "data-fact": label }, h("dt", { text: label }), cell.value, cell.note);
      cells.set(label, cell);
    }
    const cell = cells.get(label);
    say(cell.value, value);
    say(cell.note, note);
    show(cell.note, Boolean(note));
    if (cell.element.parentElement !== list) list.append(cell.element);
  }
  const wanted = new Set(facts.map(([label]) => label));
  for (const [label, cell] of cells) if (!wanted.has(label)) cell.element.remove();
}

function ofSample(sample) {
  const facts = [
    ["Records read", count(sample.read), isNumber(sample.records_total) ? `of ${count(sample.records_total)}` : ""],
    ["Items/s", count(sample.items_per_s), "just now"],
    ["Running for", duration(sample.elapsed_s), ""],
    ["Requests", count(sample.requests), plural(sample.retries, "retry", "retries")],
    ["Throttled", count(sample.throttled), "requests"],
    ["Write units", amount(sample.consumed_wcu), "consumed"],
    ["Latency", isNumber(sample.p50_ms) ? millis(sample.p50_ms) : "–", isNumber(sample.p99_ms) ? `p99 ${millis(sample.p99_ms)}` : ""],
  ];
  return facts.concat(limits(sample));
}

function ofReport(report) {
  const latency = report.latency_ms || {};
  const facts = [
    ["Records read", count(report.records), report.resumed_from ? `in ${plural(report.attempts, "attempt")}` : ""],
    ["Items/s", count(report.items_per_s), "on average"],
    ["Took", duration(report.duration_s), `${duration(report.cpu_s)} of processor time`],
    ["Requests", count(report.requests), `${plural(report.batches, "batch", "batches")}, ${plural(report.retries, "retry", "retries")}`],
    ["Throttled", count(report.throttled), reasonsText(report.throttling_reasons)],
    ["Write units", amount(report.consumed_wcu), "consumed"],
    ["Latency", millis(latency.p50), isNumber(latency.p99) ? `p99 ${millis(latency.p99)}` : ""],
  ];
  return facts.concat(limits(report));
}

function reasonsText(reasons) {
  const parts = Object.entries(reasons || {}).map(([name, number]) => `${count(number)} ${name}`);
  return parts.join(", ") || "requests";
}

function limits(numbers) {
  const facts = [];
  if (isNumber(numbers.pace)) facts.push(["Pace", amount(numbers.pace), "write units/s at most"]);
  if (isNumber(numbers.in_flight)) facts.push(["In flight", count(numbers.in_flight), "requests at most"]);
  return facts;
}
