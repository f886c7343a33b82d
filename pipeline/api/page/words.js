// Numbers and states in words: pure functions, nothing of the page.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

export const ACTIVE = new Set(["queued", "running", "stopping"]);

const STATES = {
  queued: ["queued", "wait"],
  running: ["running", "run"],
  stopping: ["stopping", "run"],
  succeeded: ["succeeded", "good"],
  completed_with_errors: ["completed with errors", "warn"],
  failed: ["failed", "bad"],
  stopped: ["stopped", "warn"],
  interrupted: ["interrupted", "bad"],
};

export const STATE_NAMES = Object.keys(STATES);

/** The state in words. */
export function stateText(state) {
  return STATES[state] ? STATES[state][0] : String(state);
}

/** The tone of a state: wait, run, good, warn or bad. */
export function stateTone(state) {
  return STATES[state] ? STATES[state][1] : "wait";
}

/** 1234567 as 1,234,567; what is no number as a dash. */
export function count(value) {
  return isNumber(value) ? whole.format(value) : "–";
}

/** A number with one decimal place below 100. */
export function amount(value) {
  if (!isNumber(value)) return "–";
  return Math.abs(value) < 100 ? tenths.format(value) : whole.format(value);
}

/** `1 record`, `2 records`. */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Bytes as a person says them, in powers of 1024 as `--max-body 1GiB` does. */
export function bytes(value) {
  if (!isNumber(value)) return "–";
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit ? `${tenths.format(size)} ${units[unit]}` : `${whole.format(size)} ${size === 1 ? "byte" : "bytes"}`;
}

/** Seconds as `12.3 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  if (seconds > 0 && seconds < 0.05) return "< 0.1 s";
  if (seconds < 9.95) return `${tenths.format(Math.max(0, seconds))} s`;
  const all = Math.round(seconds);
  if (all < 60) return `${all} s`;
  if (all < 3600) return two(Math.floor(all / 60), "min", all % 60, "s");
  if (all < 86400) return two(Math.floor(all / 3600), "h", Math.floor((all % 3600) / 60), "min");
  return two(Math.floor(all / 86400), "d", Math.floor((all % 86400) / 3600), "h");
}

function two(large, one, small, other) {
  return small ? `${large} ${one} ${small} ${other}` : `${large} ${one}`;
}

/** Milliseconds. */
export function millis(value) {
  if (!isNumber(value)) return "–";
  return `${amount(value)} ms`;
}

/** When something was, as seconds since 1970, of a number or of ISO text; null of anything else. */
export function seconds(at) {
  if (isNumber(at)) return at;
  const parsed = typeof at === "string" ? Date.parse(at) / 1000 : NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** How much of a job is done, 0 to 1, or null where nobody can know (standard input). */
export function share(sample) {
  if (!sample) return null;
  const pairs = [[sample.source_bytes, sample.source_bytes_total], [sample.records_settled, sample.records_total]];
  if (isNumber(sample.records_total)) pairs.reverse();
  for (const [done, all] of pairs) {
    if (isNumber(done) && isNumber(all) && all > 0) return Math.min(1, Math.max(0, done / all));
  }
  return null;
}

/** A share as a percentage; never 100 % before the end. */
export function percent(value, over = false) {
  if (!isNumber(value)) return "–";
  return `${over ? 100 : Math.min(99, Math.floor(value * 100))} %`;
}

/** What happens just now, in one line. */
export function progressText(sample) {
  if (!sample || !isNumber(sample.read)) return "";
  const parts = [];
  const all = sample.records_total;
  parts.push(isNumber(all) ? `${count(sample.records_settled)} of ${plural(all, "record")}` : `${plural(sample.read, "record")} read`);
  if (isNumber(sample.source_bytes_total) && !isNumber(all)) {
    parts.push(`${bytes(sample.source_bytes)} of ${bytes(sample.source_bytes_total)}`);
  }
  if (isNumber(sample.items_per_s)) parts.push(`${count(sample.items_per_s)} items/s`);
  if (isNumber(sample.eta_s)) parts.push(`about ${duration(sample.eta_s)} left`);
  return parts.join(" · ");
}

/** The same for a narrow place: `dry run`, `limit 100`. */
export function overridesShort(overrides) {
  const given = overrides || {};
  const parts = [];
  if (given.dry_run) parts.push("dry run");
  if (isNumber(given.limit)) parts.push(`limit ${count(given.limit)}`);
  if (isNumber(given.rate)) parts.push(`rate ${amount(given.rate)}`);
  return parts;
}

/** How a job differs from its definition: `dry run`, `at most 100 records`. */
export function overridesText(overrides) {
  const given = overrides || {};
  const parts = [];
  if (given.dry_run) parts.push("dry run");
  if (isNumber(given.limit) && given.limit >= 0) parts.push(`at most ${plural(given.limit, "record")}`);
  if (isNumber(given.rate)) parts.push(`${amount(given.rate)} write units/s`);
  return parts;
}
