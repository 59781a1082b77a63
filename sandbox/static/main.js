// One cheap question a second; the view in front reads more only when something has changed.

import { ask } from "./api.js";
import { calendars } from "./calendars.js";
import { contacts } from "./contacts.js";
import { h } from "./dom.js";
import { faults } from "./faults.js";
import { requests, webhooks } from "./logs.js";
import { messages } from "./messages.js";
import { phones } from "./phones.js";

const POLL = 1000;
// Whose mailboxes, phones, calendars and contacts there are.
const MAIL = ["resend"];
const LINES = ["twilio", "whatsapp"];
const ACCOUNTS = ["google", "microsoft"];
const VIEWS = {
  mailboxes: { title: "Mailboxes", open: () => messages(MAIL[0]), of: MAIL },
  phones: { title: "Phones", open: () => phones(place.rest, (number) => history.replaceState(null, "", `#/phones/${number}`)), of: LINES },
  calendars: { title: "Calendars", open: calendars, of: ACCOUNTS },
  contacts: { title: "Contacts", open: contacts, of: ACCOUNTS },
  faults: { title: "Faults", open: () => faults(place.provider, tabs()) },
  webhooks: { title: "Webhooks", open: () => webhooks(place.provider, tabs()) },
  requests: { title: "Requests", open: () => requests(place.provider, tabs()) },
};
const NAMES = { resend: "Resend", twilio: "Twilio", whatsapp: "WhatsApp", google: "Google", microsoft: "Microsoft" };
const NEWS = { mails: "mail", messages: "message" };

const main = document.getElementById("main");
const nav = document.getElementById("views");
const pulse = document.getElementById("pulse");
const pulseText = document.getElementById("pulse-text");
const news = document.getElementById("news");

let providers = [];
let place = {};
let view = null;
let revision = null;
let counted = null;

function read() {
  const [name, rest] = location.hash.replace(/^#\/?/, "").split("/");
  const shown = name in VIEWS ? name : "mailboxes";
  return {
    name: shown,
    rest: decodeURIComponent(rest || ""),
    provider: providers.includes(rest) ? rest : place.provider || providers[0],
  };
}

function go() {
  place = read();
  view = VIEWS[place.name].open();
  revision = null;
  main.replaceChildren(view.element);
  draw({});
}

function draw(overview) {
  const on = Object.values(overview).flatMap((state) => Object.keys(state.faults)).length;
  nav.replaceChildren(...Object.entries(VIEWS).map(([name, { title, of }]) =>
    h("a", { href: of ? `#/${name}` : `#/${name}/${place.provider}`, "aria-current": name === place.name ? "page" : null },
      title,
      name === "faults" && on ? h("span", { className: "badge warm", title: `${on} switched on` }, String(on)) : null,
    )));
}

// The faults and logs are those of one provider at a time.
function tabs() {
  return h("nav", { className: "segments", id: "tabs", "aria-label": "Provider" }, tabLinks({}));
}

function tabLinks(overview) {
  return providers.map((slug) => {
    const on = Object.keys(overview[slug]?.faults || {}).length;
    return h("a", { href: `#/${place.name}/${slug}`, "aria-current": slug === place.provider ? "true" : null },
      NAMES[slug] || slug, on ? h("span", { className: "warn", title: `${on} faults switched on` }) : null);
  });
}

function announce(overview) {
  const count = Object.fromEntries(Object.keys(NEWS).map((name) =>
    [name, Object.values(overview).reduce((sum, state) => sum + (state.counters[name] || 0), 0)]));
  const told = Object.entries(NEWS).filter(([name]) => counted && count[name] > counted[name])
    .map(([name, word]) => `${count[name] - counted[name]} new ${word}${count[name] - counted[name] === 1 ? "" : "s"}.`);
  if (told.length) news.textContent = told.join(" ");
  counted = count;
}

async function beat() {
  try {
    const overview = await ask("/");
    if (!providers.length) {
      providers = Object.keys(overview);
      go();
    }
    await show(overview);
    pulse.classList.remove("lost");
  } catch (error) {
    pulse.classList.add("lost");
    pulseText.textContent = "No connection";
  }
}

async function show(overview) {
  const waiting = Object.values(overview).reduce((sum, state) => sum + state.webhooks_waiting, 0);
  pulseText.textContent = waiting ? `${waiting} webhooks on their way` : "Live";
  const seen = Object.values(overview).map((state) => state.revision).join();
  if (seen === revision) return;
  revision = seen;
  announce(overview);
  if (!nav.contains(document.activeElement)) draw(overview);
  document.getElementById("tabs")?.replaceChildren(...tabLinks(overview));
  await view.update(overview[place.provider]);
}

async function run() {
  if (!document.hidden) await beat();
  setTimeout(run, POLL);
}

window.addEventListener("hashchange", () => { go(); beat(); });
document.addEventListener("sandbox:changed", () => { revision = null; beat(); });
run();
