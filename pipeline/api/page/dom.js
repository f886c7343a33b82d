// Elements, made and changed without markup: whatever a server, a file or a table says stays text.

/**
 * Make an element. `facts` are attributes; `class`, `text` and `on` (listeners) mean what they say.
 * An attribute that is null or false is left out, `true` is the bare attribute.
 * Children are elements or text; null and false are left out.
 */
export function h(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name === "text") element.textContent = value;
    else if (name === "on") listen(element, value);
    else attribute(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) element.addEventListener(event, listener);
}

/** Set, change or remove an attribute; untouched if it is so already. */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Set an element's text; untouched if it is so already, so that a selection in it survives. */
export function say(element, text) {
  const wanted = text === null || text === undefined ? "" : String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
  return element;
}

/** Show an element, or not. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
  return element;
}

/**
 * Make the children of `parent` those of `rows`, in this order: `key(row)` names one, `make(row)`
 * gives `{element, update(row)}`. What stays is only updated, so focus and selection survive.
 */
export function keyed(parent, known, rows, key, make) {
  const wanted = new Set(rows.map(key));
  for (const [name, one] of known) {
    if (!wanted.has(name)) {
      one.element.remove();
      known.delete(name);
    }
  }
  let place = parent.firstElementChild;
  for (const row of rows) {
    const name = key(row);
    if (!known.has(name)) known.set(name, make(row));
    const one = known.get(name);
    one.update(row);
    if (one.element === place) place = place.nextElementSibling;
    else parent.insertBefore(one.element, place);
  }
}

/** Tell those who listen instead of looking: one sentence, once. */
export function announce(sentence) {
  const said = document.getElementById("said");
  said.textContent = said.textContent === sentence ? `${sentence} ` : sentence;
}

/** A moment, as far away as it is; the exact one is in its title. `tick()` moves them all on. */
export function moment() {
  const element = h("time");
  return { element, update: (at) => setMoment(element, at) };
}

const shownMoments = new Map();

function setMoment(element, at) {
  if (at === null || at === undefined) {
    element.removeAttribute("datetime");
    shownMoments.delete(element);
    say(element, "");
    return;
  }
  const date = new Date(typeof at === "number" ? at * 1000 : at);
  attribute(element, "datetime", date.toISOString());
  attribute(element, "title", date.toLocaleString("en-GB"));
  shownMoments.set(element, date);
  say(element, ago(date));
}

/** Let every moment on the page grow older. */
export function tick() {
  for (const [element, date] of shownMoments) {
    if (element.isConnected) say(element, ago(date));
    else shownMoments.delete(element);
  }
}

function ago(date) {
  const seconds = (Date.now() - date.getTime()) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}
