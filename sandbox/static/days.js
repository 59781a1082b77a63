// Days and times as plain text: events say theirs in zones of their own, which no browser has to know.

const DAY = 86_400_000;

export function today() {
  const now = new Date();
  return text(new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())));
}

export function plus(day, days) {
  return text(new Date(Date.parse(`${day}T00:00Z`) + days * DAY));
}

export function monday(day) {
  return plus(day, -((new Date(`${day}T00:00Z`).getUTCDay() + 6) % 7));
}

export function named(day, options) {
  return new Date(`${day}T00:00Z`).toLocaleDateString([], { timeZone: "UTC", ...options });
}

// The days on which an event is to be seen; its end is not one of them at midnight.
export function covers(event, day) {
  const first = event.start.slice(0, 10);
  const midnight = event.all_day || event.end.slice(11, 16) === "00:00";
  const last = event.end.slice(0, 10) > first && midnight ? plus(event.end.slice(0, 10), -1) : event.end.slice(0, 10);
  return first <= day && day <= last;
}

export function span(event) {
  return event.all_day ? "All day" : `${event.start.slice(11, 16)}–${event.end.slice(11, 16)}`;
}

function text(moment) {
  return moment.toISOString().slice(0, 10);
}
