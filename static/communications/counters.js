// How many messages of the last 24 hours stand where, per channel.

import { get } from "./api.js";
import { $, debounce, h, icon } from "./dom.js";
import { config } from "./config.js";
import { channel, status } from "./words.js";

const ORDER = config.statuses.map(({ value }) => value);
// The window moves on even where nothing happens.
const EVERY = 60_000;

export class Counters {
  constructor({ filter }) {
    this.filter = filter;
    this.refreshSoon = debounce(() => this.refresh(), 600, 2_000);
    setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  async refresh() {
    try {
      const { counts } = await get("/api/messages/summary/");
      this.draw(counts);
    } catch (error) {
      if (!$("counters").firstChild) this.fail(error);
    }
  }

  fail(error) {
    const text = `The numbers could not be loaded: ${error.message}`;
    $("counters").replaceChildren(h("p", { class: "hint" }, text));
  }

  draw(counts) {
    const look = JSON.stringify(counts);
    if (look === this.look) return;
    this.look = look;
    const used = new Set([...config.routed, ...counts.map((one) => one.channel)]);
    const shown = config.channels.map(({ value }) => value).filter((value) => used.has(value));
    const focused = document.activeElement?.dataset?.count;
    $("counters").replaceChildren(
      ...shown.map((value) => this.card(value, counts.filter((one) => one.channel === value))),
    );
    if (focused) $("counters").querySelector(`[data-count="${focused}"]`)?.focus();
  }

  card(name, counts) {
    const byOrder = (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status);
    const parts = counts.filter(({ count }) => count).sort(byOrder);
    const total = parts.reduce((sum, { count }) => sum + count, 0);
    const title = `counter-${name}`;
    return h(
      "section",
      { class: "counter", "aria-labelledby": title },
      h("h3", { id: title }, icon(name), channel(name)),
      h("p", { class: "total" }, h("strong", {}, String(total)), total === 1 ? " message" : " messages"),
      h("div", { class: "bar", "aria-hidden": "true" }, parts.map(slice)),
      h("ul", { class: "legend" }, total ? parts.map((part) => this.part(name, part)) : [quiet()]),
    );
  }

  part(name, { status: value, count }) {
    const button = {
      type: "button",
      data: { status: value, count: `${name}-${value}` },
      title: `Show ${status(value).toLowerCase()} messages`,
      onclick: () => this.filter({ channel: name, status: value, search: "" }),
    };
    return h("li", {}, h("button", button, h("strong", {}, String(count)), ` ${status(value)}`));
  }
}

const quiet = () => h("li", { class: "hint" }, "Nothing sent or received so far.");

function slice({ status: value, count }) {
  const element = h("span", { data: { status: value } });
  element.style.flexGrow = count;
  return element;
}
