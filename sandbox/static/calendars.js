// Both vendors' calendars, day by day beside each other, and a hand on the other side of each event.

import { ask } from "./api.js";
import { covers, monday, named, plus, span, today } from "./days.js";
import { clock, h, refill, words } from "./dom.js";
import { editor } from "./editor.js";

export const VENDORS = { google: "Google", microsoft: "Outlook" };
const ANSWERS = { accepted: "yes", tentative: "perhaps", declined: "no", needed: "no answer" };
const MAX_MAILS = 12;

export function calendars() {
  const state = Object.fromEntries(Object.keys(VENDORS).map((vendor) => [vendor, { calendars: [], pushes: [], chosen: "" }]));
  let week = monday(today());
  let mails = [];
  const title = h("h2", {});
  const heads = h("div", { className: "week-heads" });
  const days = h("div", { className: "week" });
  const letters = h("section", { className: "letters" });
  const edit = editor();
  const step = (days) => () => { week = days ? plus(week, days) : monday(today()); draw(); };
  const element = h("section", { className: "sheet", "aria-label": "Calendars" },
    h("div", { className: "sheet-head" },
      h("div", {}, title, h("p", { className: "muted" }, "Open an event to move it, cancel it, or answer for a guest: the product learns of it from its vendor.")),
      h("div", { className: "buttons" },
        h("button", { type: "button", onclick: step(-7), "aria-label": "The week before" }, "‹"),
        h("button", { type: "button", onclick: step(0) }, "This week"),
        h("button", { type: "button", onclick: step(7), "aria-label": "The week after" }, "›"))),
    heads, days, letters, edit.element);

  async function update() {
    mails = [];
    await Promise.all(Object.keys(VENDORS).map(async (vendor) => {
      const [found, pushes, sent] = await Promise.all(["calendars", "pushes", "invitations"].map((what) => ask(`/${vendor}/${what}`)));
      Object.assign(state[vendor], { calendars: found.calendars, pushes: pushes.pushes });
      mails.push(...sent.invitations.slice(0, MAX_MAILS).map((mail) => ({ vendor, ...mail })));
    }));
    draw();
  }

  function draw() {
    const last = plus(week, 6);
    title.textContent = `${named(week, { day: "numeric", month: "long" })} to ${named(last, { day: "numeric", month: "long", year: "numeric" })}`;
    refill(heads, Object.keys(VENDORS).map((vendor) => head(vendor)));
    refill(days, Array.from({ length: 7 }, (_, number) => day(plus(week, number))));
    refill(letters, post());
  }

  function head(vendor) {
    const { calendars: found, pushes, chosen } = state[vendor];
    const choose = h("select", { "aria-label": `${VENDORS[vendor]} calendar`, "data-key": `choose ${vendor}` },
      h("option", { value: "" }, "All calendars"),
      found.map((one) => h("option", { value: one.id, selected: one.id === chosen }, label(one))));
    choose.addEventListener("change", () => { state[vendor].chosen = choose.value; draw(); });
    const own = found.find((one) => one.id === chosen) || found.find((one) => one.writable !== false);
    return h("header", { className: "week-head" },
      h("h3", {}, VENDORS[vendor], h("span", { className: pushes.length ? "live" : "muted", title: pushes.map((one) => `${one.resource} until ${one.expires_at}`).join("\n") },
        pushes.length ? `${pushes.length} announced to the product` : "not announced to anybody")),
      h("div", { className: "week-tools" }, choose,
        h("button", { type: "button", className: "small", disabled: !own, "data-key": `new ${vendor}`, onclick: () => edit.create(vendor, found.filter((one) => one.writable !== false), own, week <= today() && today() <= plus(week, 6) ? today() : week) }, "New event")));
  }

  function day(date) {
    const now = date === today();
    return h("section", { className: now ? "day now" : "day" },
      h("h3", {}, h("span", {}, named(date, { weekday: "short" })), h("b", {}, named(date, { day: "numeric", month: "short" }))),
      Object.keys(VENDORS).map((vendor) => h("ul", { className: "slots", "aria-label": `${VENDORS[vendor]}, ${named(date, { weekday: "long" })}` },
        shown(vendor, date).map((event) => h("li", {}, slot(vendor, event))))));
  }

  function shown(vendor, date) {
    const { calendars: found, chosen } = state[vendor];
    return found.filter((one) => !chosen || one.id === chosen)
      .flatMap((one) => one.events.filter((event) => covers(event, date)).map((event) => ({ ...event, of: one })))
      .sort((one, other) => Number(other.all_day) - Number(one.all_day) || one.start.localeCompare(other.start));
  }

  function slot(vendor, event) {
    return h("button", { type: "button", className: `slot ${vendor}${event.cancelled ? " cancelled" : ""}`, "data-key": `${vendor} ${event.id} ${event.start}`, onclick: () => edit.open(vendor, event) },
      h("span", { className: "slot-time" }, span(event), event.cancelled ? h("span", { className: "status failed" }, "cancelled") : null, event.key ? h("span", { className: "ours", title: `The product's own: ${event.key}` }, "WedSync") : null),
      h("span", { className: "slot-title" }, event.title || "(no title)"),
      h("span", { className: "slot-of" }, [event.place, label(event.of)].filter(Boolean).join(" · ")),
      event.attendees.map((one) => h("span", { className: `guest ${one.answer}` }, one.name || one.email, h("i", {}, ANSWERS[one.answer] || one.answer))));
  }

  function post() {
    const newest = [...mails].sort((one, other) => other.at.localeCompare(one.at)).slice(0, MAX_MAILS);
    if (!newest.length) return [h("h3", {}, "Mails to guests"), h("p", { className: "muted" }, "Neither vendor has written to a guest yet.")];
    return [h("h3", {}, "Mails to guests"), h("div", { className: "table" }, h("table", {},
      h("thead", {}, h("tr", {}, ["When", "From", "To", "About", "What"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, newest.map((mail) => h("tr", {},
        h("td", {}, h("time", { dateTime: mail.at }, clock(mail.at))),
        h("td", {}, VENDORS[mail.vendor]), h("td", { className: "whom" }, mail.to), h("td", {}, mail.subject), h("td", {}, words(mail.kind)))))))];
  }

  return { element, update };
}

function label(calendar) {
  return calendar.account && calendar.account !== calendar.name ? `${calendar.name} (${calendar.account})` : calendar.name;
}
