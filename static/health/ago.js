// "12 s ago" in place of the time, which stays in the title. Also "in 8 s", for what is to come.

import { full } from "../communications/time.js";

const STEPS = [
  [60, 1, "s"],
  [3_600, 60, "min"],
  [86_400, 3_600, "h"],
  [Infinity, 86_400, "d"],
];
const EVERY = 1_000;
// The clocks of two machines differ a little.
const NOW = 2;

export function relative(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  const distance = Math.abs(seconds);
  if (distance < NOW) return "now";
  const [, size, unit] = STEPS.find(([below]) => distance < below);
  const amount = `${Math.round(distance / size)} ${unit}`;
  return seconds > 0 ? `in ${amount}` : `${amount} ago`;
}

export function keepTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = relative(time.dateTime);
    if (time.textContent === text) continue;
    time.textContent = text;
    time.title ||= full(time.dateTime);
  }
}

setInterval(keepTimes, EVERY);
