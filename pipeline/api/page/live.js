// What changes by itself: asking again and again, and a job's stream of events.

import { ask, connection, json, Problem, Unreachable } from "/assets/http.js";

const LONGEST_MS = 10000;
const FIRST_BYTE_MS = 10000;
const SILENCE_MS = 40000; // the server sends a comment every 15 s
const STREAM_AGAIN = 10; // rounds of asking before a stream is tried again

/** Wait; ends early when the connection is found again, `retry` is pressed or `signal` aborts. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      connection.hurry.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    connection.hurry.add(done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

function seen(signal) {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve();
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    return undefined;
  });
}

/**
 * Do `task(signal)` every `interval()` ms, less often while nobody answers, not while nobody looks.
 * A refusal is given to `refused`. `now()` does it at once.
 */
export function repeat(task, { interval, refused, signal }) {
  let wake = () => {};
  const loop = async () => {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await task(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (!(error instanceof Unreachable)) refused(error);
      }
      const ms = failures ? backoff(failures) : interval();
      await Promise.race([pause(ms, signal), new Promise((resolve) => { wake = resolve; })]);
      await seen(signal);
    }
  };
  loop();
  return { now: () => wake() };
}

function backoff(failures) {
  return Math.min(LONGEST_MS, 1000 * 2 ** (failures - 1));
}

/**
 * Follow a job until it is over or `signal` aborts: its stream of events, and where no stream
 * comes through, by asking. `on`: job(job), sample(sample), mode("live" | "asking"), refused(error).
 * `after` is the number of the last sample that is known. Resolves to the last one when over.
 */
export async function follow(id, after, on, signal) {
  const place = { after, over: false };
  let failures = 0;
  while (!signal.aborted && !place.over) {
    const began = place.after;
    try {
      await stream(id, place, on, signal);
      failures = place.after > began ? 0 : failures + 1;
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof Problem && error.status < 500) {
        on.refused(error);
        break;
      }
      failures += 1;
    }
    if (signal.aborted || place.over) break;
    await between(id, place, on, failures, signal);
  }
  return place.after;
}

/** Between two streams: ask, once after a break, for a while where streams do not come through. */
async function between(id, place, on, failures, signal) {
  const rounds = failures > 1 && !connection.lost ? STREAM_AGAIN : 1;
  for (let round = 0; round < rounds && !signal.aborted && !place.over; round += 1) {
    if (failures > 1 && !connection.lost) on.mode("asking");
    try {
      await poll(id, place, on, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status < 500) on.refused(error);
    }
    if (!place.over) await pause(connection.lost ? backoff(Math.max(1, failures)) : 1500, signal);
  }
}

async function poll(id, place, on, signal) {
  const job = await json(jobPath(id), { signal });
  for (;;) {
    const page = await json(`${jobPath(id)}/samples?after=${place.after}&limit=1000`, { signal });
    const samples = page.samples || [];
    for (const sample of samples) take(sample, place, on);
    if (samples.length < 1000) break;
  }
  on.job(job);
  place.over = !["queued", "running", "stopping"].includes(job.state);
}

function take(sample, place, on) {
  if (typeof sample.n !== "number" || sample.n <= place.after) return;
  place.after = sample.n;
  on.sample(sample);
}

async function stream(id, place, on, signal) {
  const ours = new AbortController();
  const abort = () => ours.abort();
  signal.addEventListener("abort", abort);
  let watch = setTimeout(abort, FIRST_BYTE_MS);
  try {
    const headers = { Accept: "text/event-stream" };
    if (place.after >= 0) headers["Last-Event-ID"] = String(place.after);
    const response = await ask(`${jobPath(id)}/events`, { headers, signal: ours.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser((event) => dispatch(event, place, on));
    on.mode("live");
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(abort, SILENCE_MS);
      parse(value);
      if (place.over) return;
    }
  } catch (error) {
    if (!(error instanceof Problem) && !signal.aborted && !place.over) await check(id, signal);
    throw error;
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", abort);
    ours.abort();
  }
}

/** Find out whether the server is gone or only the stream. */
async function check(id, signal) {
  try {
    await ask(jobPath(id), { signal });
  } catch {
    // the connection knows now
  }
}

function dispatch({ type, text }, place, on) {
  if (type === "end") {
    place.over = true;
    return;
  }
  const document = JSON.parse(text);
  if (type === "job") on.job(document);
  else if (type === "sample") take(document, place, on);
}

/** Read server-sent events from pieces of text: `told({type, text})` for each. */
export function parser(told) {
  let rest = "";
  let type = "message";
  let lines = [];
  return (piece) => {
    const all = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = all.pop();
    for (const line of all) {
      if (line === "") {
        if (lines.length || type !== "message") told({ type, text: lines.join("\n") });
        type = "message";
        lines = [];
      } else if (line.startsWith("event:")) type = line.slice(6).trim();
      else if (line.startsWith("data:")) lines.push(line.slice(5).replace(/^ /, ""));
    }
  };
}

/** The path of a job's document. */
export function jobPath(id) {
  return `/api/jobs/${encodeURIComponent(id)}`;
}
