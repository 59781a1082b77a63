// What the page says about being live.

import { Problem, get } from "./api.js";
import { $ } from "./dom.js";

// A refused WebSocket gives no reason; after this many the API is asked for it.
const SUSPICIOUS = 2;
// A connection that comes back at once is not worth an alarm.
const PATIENCE = 700;

export function showConnection(live) {
  let alarm = 0;
  const say = ({ state, failures }) => {
    clearTimeout(alarm);
    if (state === "live") show("live", "Live");
    if (state === "signed-out") show("signed-out", "Signed out", signedOut());
    if (state !== "waiting") return;
    const warn = () =>
      show("waiting", "Not live: reconnecting…", "What you see may be out of date.");
    if (navigator.onLine && failures === 1) alarm = setTimeout(warn, PATIENCE);
    else warn();
    if (failures >= SUSPICIOUS) explain(live);
  };
  live.addEventListener("state", ({ detail }) => say(detail));
  $("reconnect").addEventListener("click", () => live.connect());
}

function show(state, text, warning = "") {
  $("live").dataset.state = state;
  // The same words again would be read aloud again.
  if ($("live-text").textContent !== text) $("live-text").textContent = text;
  $("offline").hidden = !warning;
  $("reconnect").hidden = state === "signed-out";
  $("offline-text").replaceChildren(warning);
}

async function explain(live) {
  try {
    await get("/api/messages/", { page_size: 1 });
  } catch (error) {
    if (error instanceof Problem && error.isSignedOut) live.giveUp();
  }
}

function signedOut() {
  const link = document.createElement("a");
  link.href = location.href;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.reload();
  });
  link.textContent = "Sign in again to go on.";
  return link;
}
