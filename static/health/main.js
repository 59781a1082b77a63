// Keeps the health page true while one looks at it.
//
// A frame says that something changed; the page then fetches its own parts again, drawn by the same
// templates. Underneath it asks now and then anyway, so that a lost frame costs seconds.

import { Live } from "../communications/socket.js";
import { keepTimes } from "./ago.js";
import { Announcer } from "./announce.js";
import { countOpen } from "./badge.js";
import { drawCharts, followTheme } from "./charts.js";
import { askBeforeActing } from "./confirm.js";
import { Parts } from "./parts.js";

// Not more often than this, whatever happens.
const SPACING = 1_500;
const ANYWAY = 10_000;
// A connection that comes back at once is not worth an alarm.
const PATIENCE = 2_000;
// A refused WebSocket gives no reason: after this many the page itself is asked.
const SUSPICIOUS = 2;

const region = document.getElementById("health");
const indicator = document.querySelector("[data-live]");
const warning = document.querySelector("[data-stale]");
const parts = new Parts(region);
const announcer = new Announcer(region, document.querySelector("[data-announce]"));
const live = new Live(Number(region.dataset.since));
let alarm = 0;
let waiting = 0;
let fetching = false;
let again = false;
let last = 0;

function say(state, text) {
  indicator.dataset.state = state;
  if (indicator.textContent !== text) indicator.textContent = text;
}

function stale(text) {
  warning.hidden = !text;
  if (text) warning.querySelector("span:last-child").textContent = text;
}

function connection({ state, failures }) {
  clearTimeout(alarm);
  if (state === "live") {
    say("live", "Live");
    stale("");
    refresh();
  } else if (state === "signed-out") {
    say("away", "Signed out");
    stale("Signed out: reload the page to sign in again.");
  } else {
    const warn = () => {
      say("away", "Not connected, trying again …");
      stale("Not connected: what you see may be out of date. Trying again …");
    };
    if (failures <= 1 && navigator.onLine) alarm = setTimeout(warn, PATIENCE);
    else warn();
    if (failures >= SUSPICIOUS) refresh();
  }
}

/** Soon, and once for many reasons. */
function refresh() {
  if (waiting) return;
  waiting = setTimeout(update, Math.max(0, last + SPACING - Date.now()));
}

async function update() {
  waiting = 0;
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  last = Date.now();
  try {
    show(await fetched());
  } catch {
    if (live.state === "live") stale("Could not be updated: trying again …");
  }
  fetching = false;
  if (again) {
    again = false;
    refresh();
  }
}

async function fetched() {
  const response = await fetch(region.dataset.fragment, {
    credentials: "same-origin",
    redirect: "manual",
    cache: "no-store",
  });
  if (response.type === "opaqueredirect" || response.status === 403) live.giveUp();
  if (!response.ok) throw new Error(response.statusText);
  return response.text();
}

function show(html) {
  parts.swap(html);
  drawCharts(region);
  keepTimes();
  announcer.tell();
  countOpen(region);
  if (live.state === "live") stale("");
}

live.addEventListener("state", ({ detail }) => connection(detail));
for (const type of ["health", "frames", "resync"]) live.addEventListener(type, refresh);
setInterval(() => {
  if (!document.hidden && live.state !== "signed-out") refresh();
}, ANYWAY);
document.addEventListener("visibilitychange", () => document.hidden || refresh());

drawCharts(region);
followTheme(region);
keepTimes();
askBeforeActing(document.getElementById("confirm"));
say("away", "Connecting …");
live.connect();
