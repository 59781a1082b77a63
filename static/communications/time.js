// "4 min ago" beside the exact time, kept up to date.

const STEPS = [
  [60, "second", 1],
  [3600, "minute", 60],
  [86_400, "hour", 3600],
  [7 * 86_400, "day", 86_400],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const second = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const EVERY = 15_000;

const short = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });

export const full = (iso) => exact.format(new Date(iso));
export const hour = (iso) => second.format(new Date(iso));
export const clock = (iso) => short.format(new Date(iso));

/** "Today", "Friday, 20 November", or with its year where it is another one. */
export function date(iso, now = new Date()) {
  const then = new Date(iso);
  const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return then.getFullYear() === now.getFullYear() ? weekday.format(then) : day.format(then);
}

export function ago(iso, now = Date.now()) {
  const date = new Date(iso);
  const seconds = (date - now) / 1000;
  const distance = Math.abs(seconds);
  // The clocks of two machines differ a little: nothing has just happened in the future.
  if (distance < 5) return "just now";
  const step = STEPS.find(([below]) => distance < below);
  return step ? relative.format(Math.round(seconds / step[2]), step[1]) : day.format(date);
}

export function time(iso) {
  const element = document.createElement("time");
  element.dateTime = iso;
  element.title = full(iso);
  element.textContent = ago(iso);
  return element;
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[title]")) {
    const text = ago(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}, EVERY);
