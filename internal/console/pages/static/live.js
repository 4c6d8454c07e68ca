// Freshens the numbers of a page while the page is seen. Without this script, "Refresh" does the same.
"use strict";

const worker = document.currentScript.dataset.worker;
const page = document.documentElement;
let port = null, end = null; // of the stream: of the shared worker, or of our own one
const shown = new Map([...document.querySelectorAll("[data-fresh]")].map((r) => [r.id, r.innerHTML]));
let missed = false; // something has happened while nobody saw the page
let due = null, fetching = false, again = false;

function listen() {
  if (port || end || !page.dataset.live) return;
  try {
    port = new SharedWorker(worker).port;
    port.onmessage = (m) => heard(m.data);
    port.postMessage({live: page.dataset.live});
  } catch {
    port = null;
    if (!document.hidden) end = follow(page.dataset.live, heard);
  }
}

function rest() {
  if (port) { port.postMessage({}); port.close(); }
  if (end) end();
  port = end = null;
}

function heard({name, news}) {
  if (name === "lost" || name === "away") return away(true);
  away(false);
  if (name === "open" || name === "news" && !concerns(news)) return;
  if (document.hidden) { missed = true; return; }
  freshen(name === "news" ? 700 : 0);
}

// look loads once more after a moment, if the page waits for what nobody announces.
function look() {
  if (document.querySelector("[data-again]")) freshen(2000);
}

// concerns says whether news are about what the page shows.
function concerns(news) {
  return news.all || !page.dataset.watch || (news.runs || []).includes(page.dataset.watch);
}

// away shows the banner or takes it away, and stops what would start something.
function away(is) {
  const banner = document.getElementById("away");
  if (!banner || banner.hidden === !is) return;
  banner.hidden = !is;
  if (is) banner.querySelector("time").textContent =
    new Date().toLocaleTimeString(page.lang, {hour: "numeric", minute: "2-digit"});
  for (const button of document.querySelectorAll("[data-starts]")) {
    button.disabled = is;
    if (is) button.setAttribute("aria-describedby", "away"); else button.removeAttribute("aria-describedby");
  }
}

// freshen loads the page once more after a moment, and puts its numbers in place of those that are shown.
function freshen(wait) {
  if (!due) due = setTimeout(load, wait);
}

async function load() {
  due = null;
  if (!document.querySelector("[data-fresh]")) return;
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.href, {headers: {Accept: "text/html"}, redirect: "error"});
    if (!answer.ok) throw new Error(answer.status);
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    setTimeout(() => freshen(0), 2000);
  }
  fetching = false;
  if (again) { again = false; freshen(300); }
}

// put replaces the regions. Rows at which somebody points, or which have the focus, stay until that is over.
function put(fresh) {
  for (const region of document.querySelectorAll("[data-fresh]")) {
    const now = fresh.getElementById(region.id);
    if (!now || now.innerHTML === shown.get(region.id)) continue;
    if (region.dataset.fresh === "rows" && busy(region)) {
      waiting(region, true);
      continue;
    }
    waiting(region, false);
    shown.set(region.id, now.innerHTML);
    const open = new Map([...region.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
    region.replaceChildren(...now.childNodes);
    for (const d of region.querySelectorAll("details[id]")) if (open.has(d.id)) d.open = open.get(d.id);
  }
  look();
  const said = document.getElementById("spoken"), says = fresh.getElementById("spoken");
  if (said && says) speak(said, says.textContent);
}

// busy says whether somebody is about to do something with the rows.
function busy(region) {
  return region.matches(":hover") || region.contains(document.activeElement) ||
    region.querySelector("[type=checkbox]:checked") !== null;
}

// waiting says that new rows wait, until nobody is in the list any more.
function waiting(region, is) {
  const note = document.getElementById("waiting");
  if (note) note.hidden = !is;
  if (!is || region.onmouseleave) return;
  region.onmouseleave = region.onblur = () => { region.onmouseleave = null; freshen(0); };
  region.addEventListener("focusout", () => freshen(0), {once: true});
  region.addEventListener("change", () => freshen(0), {once: true});
}

// speak tells a screen reader how far it is, every half minute at most.
let spoken = 0;
function speak(said, text) {
  if (Date.now() - spoken < 30000 || said.textContent === text) return;
  spoken = Date.now();
  said.textContent = text;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { if (end) rest(); return; }
  listen();
  if (missed) { missed = false; freshen(0); }
});
addEventListener("pagehide", rest);
addEventListener("pageshow", listen);
listen();
look();

// The number of ticks, in the label as well: screen readers do not read a counter of the style sheet.
document.addEventListener("change", ({target}) => {
  const count = target.form && target.form.querySelector(".count");
  if (!count) return;
  if (target.type === "checkbox" && target.checked) target.form.querySelector("[value=ticked]").checked = true;
  count.classList.add("is-said");
  count.textContent = target.form.querySelectorAll("[type=checkbox]:checked").length.toLocaleString(page.lang);
});
