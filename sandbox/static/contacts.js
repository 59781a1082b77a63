// Both vendors' address books, and a hand on the other side of each contact.

import { act, ask } from "./api.js";
import { VENDORS } from "./calendars.js";
import { arrows, clock, empty, h, refill } from "./dom.js";
import { labelled } from "./editor.js";

const MANY = 200;
const SHOWN = 300;

export function contacts() {
  const rows = h("div", { className: "rows", onkeydown: arrows });
  const filter = h("input", { type: "search", placeholder: "Find a person", "aria-label": "Find a person", oninput: () => draw() });
  const vendors = h("div", { className: "segments", role: "group", "aria-label": "Whose contacts" });
  const count = h("p", { className: "muted" });
  const pane = h("section", { className: "pane talk", "aria-label": "Contact" }, nothing());
  const element = h("div", { className: "desk phones", "data-depth": "boxes" },
    h("section", { className: "pane boxes", "aria-label": "Contacts" },
      h("div", { className: "pane-head" },
        h("div", { className: "pane-title" }, h("h2", {}, "Contacts"), count), vendors, filter,
        h("div", { className: "buttons" },
          h("button", { type: "button", className: "small", onclick: () => open(null) }, "New contact"),
          h("button", { type: "button", className: "small", onclick: () => send(`${MANY} contacts added.`, "POST", `/${vendor}/people`, { count: MANY }) }, `Add ${MANY}`))),
      rows),
    pane);
  let vendor = "google";
  let found = [];
  let current = null;

  function draw() {
    refill(vendors, Object.entries(VENDORS).map(([slug, name]) => h("button", {
      type: "button", "data-key": `vendor ${slug}`, "aria-pressed": String(slug === vendor),
      onclick: () => { vendor = slug; update(); },
    }, name)));
    const wanted = filter.value.trim().toLowerCase();
    const text = (one) => [one.name, one.company, ...one.emails, ...one.phones].join(" ").toLowerCase();
    const fits = found.filter((one) => text(one).includes(wanted));
    count.textContent = fits.length === found.length ? `${found.length}` : `${fits.length} of ${found.length}`;
    refill(rows, fits.length ? h("ul", {}, fits.slice(0, SHOWN).map((one) => h("li", {}, row(one))))
      : empty("Nobody here", wanted ? "No person of that name." : "Add somebody as if it were done in the vendor’s own app."));
  }

  function row(one) {
    return h("button", { className: "row", type: "button", "data-key": one.id, "aria-current": current?.id === one.id ? "true" : null, onclick: () => open(one) },
      h("span", { className: "row-top" }, h("span", { className: "row-name strong" }, one.name || "(no name)")),
      h("span", { className: "row-sub" }, h("span", { className: "snippet" }, [one.emails[0], one.phones[0]].filter(Boolean).join(" · ") || "Neither address nor number")),
      one.company ? h("span", { className: "row-sub" }, h("span", { className: "snippet" }, one.company)) : null);
  }

  function open(one) {
    current = one;
    element.dataset.depth = "list";
    pane.replaceChildren(...person(one));
    draw();
  }

  function person(one) {
    const input = (name, value) => h("input", { name, value: value || "" });
    const lines = (name, values) => h("textarea", { name, rows: Math.max(2, values.length), placeholder: "One a line" }, values.join("\n"));
    const fields = {
      given_name: input("given_name", one?.given_name), family_name: input("family_name", one?.family_name),
      emails: lines("emails", one?.emails || []), phones: lines("phones", one?.phones || []),
      company: input("company", one?.company), notes: h("textarea", { name: "notes", rows: 3 }, one?.notes || ""),
    };
    const submit = async (event) => {
      event.preventDefault();
      const wanted = Object.fromEntries(Object.entries(fields).map(([name, field]) =>
        [name, ["emails", "phones"].includes(name) ? field.value.split("\n").map((text) => text.trim()).filter(Boolean) : field.value]));
      const kept = one ? await send("Changed. The product will find out.", "PATCH", `/${vendor}/people/${encodeURIComponent(one.id)}`, wanted)
        : await send("Added. The product will find out.", "POST", `/${vendor}/people`, wanted);
      if (kept) open(kept);
    };
    return [
      h("header", { className: "talk-head" },
        h("button", { className: "back", type: "button", onclick: () => { element.dataset.depth = "boxes"; } }, "‹ Contacts"),
        h("h2", {}, one ? one.name || "(no name)" : "New contact"),
        one ? h("button", { type: "button", className: "small danger", onclick: () => drop(one) }, "Delete") : null),
      h("form", { className: "person", onsubmit: submit },
        h("p", { className: "muted" }, [VENDORS[vendor], one?.account, one?.groups?.join(", "), one?.updated_at ? `changed ${clock(one.updated_at)}` : ""].filter(Boolean).join(" · ")),
        h("div", { className: "pair" }, labelled("Given name", fields.given_name), labelled("Family name", fields.family_name)),
        h("div", { className: "pair" }, labelled("E-mail", fields.emails), labelled("Phone", fields.phones)),
        labelled("Company", fields.company), labelled("Notes", fields.notes),
        h("footer", { className: "editor-foot" }, h("button", { type: "submit", className: "primary" }, one ? "Save" : "Add"))),
      one && vendor === "google" ? merging(one) : null,
    ].filter(Boolean);
  }

  function merging(one) {
    const others = found.filter((other) => other.id !== one.id && other.account === one.account);
    const chosen = h("select", { "aria-label": "Merge with" }, others.slice(0, SHOWN).map((other) => h("option", { value: other.id }, `${other.name} ${other.emails[0] || ""}`)));
    return h("section", { className: "person merging" }, h("h3", {}, "The same person twice?"),
      h("p", { className: "muted" }, "What the other contact has is added to this one, which keeps its name; the other is gone, and the API says where it went."),
      h("div", { className: "week-tools" }, chosen,
        h("button", { type: "button", disabled: !others.length, onclick: async () => {
          const kept = await send("Merged.", "POST", "/google/people/merge", { keep: one.id, drop: chosen.value });
          if (kept) open(kept);
        } }, "Merge into this one")));
  }

  async function drop(one) {
    await act("Deleted. The product will find out.", `/${vendor}/people/${encodeURIComponent(one.id)}`, "DELETE");
    current = null;
    element.dataset.depth = "boxes";
    pane.replaceChildren(nothing());
    changed();
  }

  async function send(done, method, path, body) {
    const answer = await act(done, path, method, body);
    if (answer) await update();
    changed();
    return answer;
  }

  async function update() {
    found = (await ask(`/${vendor}/people`)).people.sort((one, other) => one.name.localeCompare(other.name));
    if (current && !found.some((one) => one.id === current.id)) {
      current = null;
      pane.replaceChildren(nothing());
    }
    draw();
  }

  return { element, update };
}

function nothing() {
  return empty("Nobody chosen", "Choose a person to change, merge or delete as their owner would in the vendor’s own app.");
}

function changed() {
  document.dispatchEvent(new Event("sandbox:changed"));
}
