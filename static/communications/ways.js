// By which channels this person can be reached now, and why not by the others.

import { get } from "./api.js";
import { $, debounce, h, icon } from "./dom.js";
import { config } from "./config.js";
import { clock } from "./time.js";
import { channel } from "./words.js";

// Windows close by themselves.
const EVERY = 60_000;

export class Ways extends EventTarget {
  constructor(contact) {
    super();
    this.contact = contact;
    this.list = null;
    this.refreshSoon = debounce(() => this.refresh(), 300, 1_500);
    setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  async refresh() {
    try {
      const found = await get(`/api/contacts/${this.contact.id}/channels/`);
      // One that the installation does not have is no news, unless the person is there.
      this.list = found.filter(({ channel: name, value }) => value || config.routed.includes(name));
    } catch {
      // What is shown may be a minute old: the server refuses what is not possible any more.
      return;
    }
    const look = JSON.stringify(this.list);
    if (look === this.look) return;
    this.look = look;
    this.draw();
    this.dispatchEvent(new Event("change"));
  }

  of(name) {
    return this.list?.find((way) => way.channel === name) ?? null;
  }

  draw() {
    $("ways").replaceChildren(...this.list.map(shown));
  }
}

/** Open for any text, for templates only, or not at all. */
export const stateOf = (way) => {
  if (way.is_open) return "open";
  return way.templates.length ? "templates" : "closed";
};

const WORDS = { open: "", templates: "templates only", closed: "closed" };

function shown(way) {
  const state = stateOf(way);
  const until = way.is_open && way.window_until ? `until ${clock(way.window_until)}` : "";
  const word = way.value ? until || WORDS[state] : "no address";
  return h(
    "li",
    { class: "way", data: { state }, title: way.reason || null },
    icon(way.channel),
    h("span", { class: "way-name" }, channel(way.channel)),
    way.value ? h("span", { class: "way-address" }, way.value) : null,
    word ? h("span", { class: "way-state" }, word) : null,
  );
}
