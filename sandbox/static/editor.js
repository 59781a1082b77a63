// One event in a window of its own: what its organizer and its guests can do to it.

import { act } from "./api.js";
import { plus } from "./days.js";
import { h } from "./dom.js";

const ANSWERS = [["accepted", "Accept"], ["tentative", "Perhaps"], ["declined", "Decline"]];

export function editor() {
  const element = h("dialog", { className: "editor", "aria-labelledby": "editor-title" });
  element.addEventListener("click", (event) => { if (event.target === element) element.close(); });

  function show(...children) {
    element.replaceChildren(...children.flat());
    if (!element.open) element.showModal();
  }

  async function send(done, method, path, body, stays = false) {
    const before = method === "DELETE" ? await act(done, path, method) === null : await act(done, path, method, body);
    if (before && !stays) element.close();
    document.dispatchEvent(new Event("sandbox:changed"));
    return before;
  }

  function create(vendor, calendars, chosen, day) {
    const where = h("select", { name: "calendar" }, calendars.map((one) => h("option", { value: one.id, selected: one.id === chosen?.id }, one.name)));
    const guests = h("input", { name: "guests", placeholder: "amelia@example.com, noah@example.com" });
    const organizer = h("input", { name: "organizer", type: "email", placeholder: "the calendar’s owner" });
    const form = fields({ title: "", place: "", zone: chosen?.zone || "Europe/London", all_day: false, start: `${day}T10:00`, end: `${day}T11:00` }, (wanted) =>
      send("Added. The product will hear of it.", "POST", `/${vendor}/events`, {
        ...wanted,
        calendar: where.value,
        attendees: guests.value.split(/[\s,;]+/).filter(Boolean).map((email) => ({ email })),
        ...(organizer.value ? { organizer: organizer.value } : {}),
      }), "Add", [labelled("Calendar", where), labelled("Guests", guests), labelled("Organized by", organizer)]);
    show(head("New event"), form);
  }

  function open(vendor, event) {
    const path = `/${vendor}/events/${encodeURIComponent(event.id)}`;
    const form = fields(event, (wanted) => send("Changed. The product will hear of it.", "PATCH", path, wanted), "Save", []);
    const cancel = h("button", { type: "button", className: "danger", onclick: () => send("Cancelled.", "DELETE", path) }, "Cancel the event");
    form.querySelector(".editor-foot").prepend(cancel);
    show(head(event.title || "(no title)", `Organized by ${event.organizer || "nobody"}`),
      event.cancelled ? h("p", { className: "standing bad" }, "It has been cancelled.") : form,
      guests(event).length ? h("section", {}, h("h3", {}, "Guests"), h("ul", { className: "guests" }, guests(event).map((one) => guest(path, one)))) : null);
  }

  function guests(event) {
    const account = event.of.account;
    const invited = account && event.organizer && event.organizer !== account && !event.attendees.some((one) => one.email === account);
    return event.cancelled ? [] : [...event.attendees, ...(invited ? [{ email: account, name: "", answer: "needed" }] : [])];
  }

  function guest(path, one) {
    const buttons = ANSWERS.map(([answer, title]) => h("button", {
      type: "button", "aria-pressed": String(one.answer === answer),
      onclick: async () => {
        if (await send(`${one.email}: ${answer}.`, "POST", `${path}/answers`, { email: one.email, answer }, true)) {
          buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(ANSWERS[place][0] === answer)));
        }
      },
    }, title));
    return h("li", {}, h("span", { className: "whom" }, one.name ? `${one.name} (${one.email})` : one.email),
      h("div", { className: "segments", role: "group", "aria-label": `Answer of ${one.email}` }, buttons));
  }

  function head(title, more = "") {
    return h("header", { className: "editor-head" },
      h("div", {}, h("h2", { id: "editor-title" }, title), more ? h("p", { className: "muted" }, more) : null),
      h("button", { type: "button", className: "small", "aria-label": "Close", onclick: () => element.close() }, "✕"));
  }

  return { element, create, open };
}

function fields(event, submit, verb, more) {
  const title = h("input", { name: "title", value: event.title, required: true });
  const place = h("input", { name: "place", value: event.place || "" });
  const whole = h("input", { type: "checkbox", role: "switch", checked: event.all_day, id: "editor-all-day" });
  const zone = h("input", { name: "zone", value: event.zone || "" });
  const start = h("input", { name: "start", required: true });
  const end = h("input", { name: "end", required: true });
  const kind = () => {
    for (const [input, text] of [[start, event.start], [end, event.end]]) {
      input.type = whole.checked ? "date" : "datetime-local";
      input.value = whole.checked ? text.slice(0, 10) : text.length > 10 ? text.slice(0, 16) : `${text}T10:00`;
    }
    // People count the last day, calendars the one after it.
    if (whole.checked && event.end.slice(0, 10) > event.start.slice(0, 10)) end.value = plus(event.end.slice(0, 10), -1);
    zone.disabled = whole.checked;
  };
  whole.addEventListener("change", kind);
  kind();
  const onsubmit = (happened) => {
    happened.preventDefault();
    const last = whole.checked ? plus(end.value, 1) : end.value;
    submit({ title: title.value, place: place.value, all_day: whole.checked, zone: zone.value, start: start.value, end: last });
  };
  return h("form", { className: "editor-form", onsubmit },
    labelled("Title", title),
    h("div", { className: "switch" }, h("label", { htmlFor: whole.id }, "All day"), whole),
    h("div", { className: "pair" }, labelled("From", start), labelled("Until", end)),
    labelled("Time zone", zone), labelled("Place", place), more,
    h("footer", { className: "editor-foot" }, h("button", { type: "submit", className: "primary" }, verb)));
}

export function labelled(name, input) {
  return h("label", { className: "labelled" }, h("span", {}, name), input);
}
