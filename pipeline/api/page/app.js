// The page: which view an address shows, what stands around it, and who asks for a token.

import { announce, h, say, show, tick } from "/assets/dom.js";
import { askWith, connection } from "/assets/http.js";
import { jobView } from "/assets/job.js";
import { overview } from "/assets/overview.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const link = document.getElementById("link");

let view = null;
let shown = null;

function route() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const job = /^\/jobs\/([^/]+)$/.exec(path);
  const wanted = job ? `job ${job[1]}` : "overview";
  const asked = new URLSearchParams(query);
  if (wanted === shown) {
    if (view.filter) view.filter(asked);
    return;
  }
  const first = shown === null;
  if (view) view.leave.abort();
  shown = wanted;
  const leave = new AbortController();
  view = { leave, ...(job ? jobView(decoded(job[1]), leave.signal) : overview(asked, leave.signal)) };
  main.replaceChildren(view.element);
  window.scrollTo(0, 0);
  if (!first) main.focus({ preventScroll: true });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The connection: a word in the corner while it stands, a bar over the page while it does not.

const retry = h("button", { type: "button", text: "Try now", on: { click: () => connection.retry() } });
const lostText = h("span");
banner.append(h("strong", { text: "No connection to the server." }), " ", lostText, " ", retry);

function connectionShown() {
  show(banner, connection.lost);
  document.body.classList.toggle("lost", connection.lost);
  say(link, connection.lost ? "not connected" : "connected");
  link.className = connection.lost ? "link gone" : "link";
  if (connection.lost) {
    const when = connection.seen === null ? "" : ` What is shown is as of ${new Date(connection.seen).toLocaleTimeString("en-GB")}.`;
    say(lostText, `${when} Jobs do not depend on this page. It tries again by itself.`.trim());
    announce("The connection to the server is lost. The page tries again by itself.");
  } else announce("Connected.");
}

connection.changed.push(connectionShown);

// The token: asked for once, when the server wants one.

const dialog = document.getElementById("token");
const field = document.getElementById("token-field");
const trouble = document.getElementById("token-problem");

askWith((wrong) => new Promise((resolve) => {
  const refuse = (text) => {
    say(trouble, text);
    show(trouble, true);
    field.setAttribute("aria-invalid", "true");
    field.focus();
  };
  show(trouble, false);
  field.removeAttribute("aria-invalid");
  const given = (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      refuse("A token is made of visible ASCII characters, without spaces.");
      return;
    }
    document.getElementById("token-form").removeEventListener("submit", given);
    field.value = "";
    dialog.close();
    resolve(token);
  };
  document.getElementById("token-form").addEventListener("submit", given);
  if (!dialog.open) dialog.showModal();
  if (wrong) refuse("The server did not take this token.");
}));

dialog.addEventListener("cancel", (event) => event.preventDefault()); // without it there is nothing to see

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part after # names a view
  main.focus();
});

setInterval(tick, 5000);
window.addEventListener("hashchange", route);
route();
