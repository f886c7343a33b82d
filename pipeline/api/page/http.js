// Requests to the server: token, problems in words, a connection that is lost and found.

const KEPT = "pipeline.token";
const PATIENCE_MS = 20000;

let token = kept();
let asked = null;
let prompt = null;

/** The answer of a server that refused, as its problem document says it. */
export class Problem extends Error {
  constructor(status, document, retryAfter = null) {
    const given = document || {};
    super(given.detail || given.title || `The server answered ${status}.`);
    this.status = status;
    this.title = given.title || `Status ${status}`;
    this.fields = Array.isArray(given.errors) ? given.errors : [];
    this.request = given.instance || null;
    this.retryAfter = retryAfter;
  }
}

/** No answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** Whether the server answers, and since when it does not; `changed` is called on each change. */
export const connection = {
  lost: false,
  since: Date.now(),
  seen: null,
  changed: [],
  hurry: new Set(),
  found() {
    this.seen = Date.now();
    this.turn(false);
  },
  gone() {
    this.turn(true);
  },
  turn(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.since = Date.now();
    for (const listener of this.changed) listener();
    if (!lost) this.retry();
  },
  retry() {
    for (const wake of this.hurry) wake();
  },
};

/** Who asks a person for the token: `prompt(wrong)` gives a promise of it. */
export function askWith(asker) {
  prompt = asker;
}

function kept() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null; // storage is switched off: the token is kept until the page is left
  }
}

function keep(value) {
  token = value;
  try {
    sessionStorage.setItem(KEPT, value);
  } catch {
    // as in kept()
  }
}

/** Headers that name us, as far as a token was given. */
export function authorization() {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Ask for a token after one, or none, was refused; all who wait get the same answer. */
export async function another(refused) {
  if (token !== refused) return;
  if (asked === null) {
    asked = prompt(refused !== null).then(keep).finally(() => {
      asked = null;
    });
  }
  await asked;
}

/**
 * Ask the server, with a token if it wants one. Returns the Response of a success.
 * Throws Problem for a refusal, Unreachable without an answer, AbortError after `signal`.
 */
export async function ask(path, { method = "GET", headers = {}, body, signal, patience = PATIENCE_MS } = {}) {
  for (;;) {
    const used = token;
    const response = await send(path, { method, headers: { ...headers, ...authorization() }, body, signal, patience });
    if (response.status === 401) await another(used);
    else if (response.ok) return response;
    else throw await problemOf(response);
  }
}

/** Ask for JSON. */
export async function json(path, options) {
  const response = await ask(path, options);
  return response.json();
}

async function send(path, { signal, patience, ...options }) {
  const ours = new AbortController();
  const abort = () => ours.abort();
  if (signal) signal.addEventListener("abort", abort);
  if (signal && signal.aborted) abort();
  const timer = setTimeout(abort, patience);
  try {
    const response = await fetch(path, {
      ...options, signal: ours.signal, cache: "no-store", credentials: "omit", redirect: "error",
    });
    connection.found();
    return response;
  } catch (error) {
    if (signal && signal.aborted) throw error;
    connection.gone();
    throw new Unreachable();
  } finally {
    clearTimeout(timer);
  }
}

async function problemOf(response) {
  let document = null;
  try {
    document = await response.json();
  } catch {
    // somebody else answered, a proxy perhaps: the status is all that is known
  }
  return new Problem(response.status, document, retryAfterOf(response.headers.get("Retry-After")));
}

function retryAfterOf(text) {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

/**
 * Send a file. `sent(bytes)` is told how far it is. The same errors as `ask`; the rest of the
 * page can go on. fetch cannot tell how much of a body is sent, so this is the older way.
 */
export async function upload(path, file, headers, sent, signal) {
  for (;;) {
    const used = token;
    const { status, text, retryAfter } = await sendFile(path, file, { ...headers, ...authorization() }, sent, signal);
    if (status === 401) {
      await another(used);
      continue;
    }
    const document = parsed(text);
    if (status >= 200 && status < 300 && document) return document;
    throw new Problem(status, document, retryAfterOf(retryAfter));
  }
}

function sendFile(path, file, headers, sent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => sent(event.loaded));
    request.addEventListener("load", () => {
      connection.found();
      resolve({ status: request.status, text: request.responseText, retryAfter: request.getResponseHeader("Retry-After") });
    });
    request.addEventListener("error", () => reject(new Unreachable()));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
