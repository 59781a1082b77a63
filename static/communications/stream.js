// The list of messages: first page, older pages, filters, and what arrives meanwhile.

import { get, local } from "./api.js";
import { $, debounce, h } from "./dom.js";
import { people } from "./people.js";
import { address, createRow, isInbound, updateRow, who } from "./row.js";
import { config } from "./config.js";
import { channel } from "./words.js";

const PAGE = 50;
// Beyond what was asked for, the page does not grow by what arrives.
const SPARE = 150;
const RECEIVED = "received";
const IS_WHOLE_ADDRESS = /^(\S+@\S+\.\S+|\+\d{7,})$/;

export class Stream {
  constructor(store, { open, write }) {
    this.store = store;
    this.open = open;
    this.write = write;
    this.items = new Map();
    this.asked = PAGE;
    this.next = null;
    this.round = 0;
    this.filters = { status: "", channel: "", search: "" };
    this.refreshSoon = debounce(() => this.refresh(), 400, 2_000);
    this.drawFilters();
    store.addEventListener("change", ({ detail }) => this.onChange(detail));
    people.addEventListener("change", () => this.draw());
    $("older").addEventListener("click", () => this.older());
    $("rows").addEventListener("keydown", (event) => this.walk(event));
  }

  drawFilters() {
    const option = (value, label) => h("option", { value }, label);
    $("status").append(option(RECEIVED, "Received"));
    $("status").append(...config.statuses.map(({ value, label }) => option(value, label)));
    $("channel").append(...config.channels.map(({ value }) => option(value, channel(value))));
    // One channel is no choice.
    $("channel-filter").hidden = config.routed.length <= 1;
    // A browser keeps what was chosen before a reload; the list starts without filters.
    $("filters").reset();
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("change", () => this.filter(this.chosen()));
    $("search").addEventListener("input", debounce(() => this.filter(this.chosen()), 250));
  }

  chosen() {
    const { status, channel: by, search } = $("filters").elements;
    return { status: status.value, channel: by.value, search: search.value.trim() };
  }

  filter(filters) {
    if (JSON.stringify(filters) === JSON.stringify(this.filters)) return;
    const before = this.query();
    this.filters = filters;
    $("status").value = filters.status;
    $("channel").value = filters.channel;
    // Not while somebody types a space.
    if ($("search").value.trim() !== filters.search) $("search").value = filters.search;
    if (JSON.stringify(this.query()) === JSON.stringify(before)) this.draw();
    else this.reload();
  }

  /** What the server is asked; parts of a word are looked for in what is loaded. */
  query() {
    const { status, channel: by, search } = this.filters;
    const query = { page_size: PAGE, channel: by };
    if (status === RECEIVED) query.direction = "inbound";
    else if (status) Object.assign(query, { status, direction: "outbound" });
    if (IS_WHOLE_ADDRESS.test(search)) query.to = search;
    return query;
  }

  matches(message) {
    const { status, channel: by, search } = this.filters;
    if (by && message.channel !== by) return false;
    if (status === RECEIVED && !isInbound(message)) return false;
    if (status && status !== RECEIVED && (isInbound(message) || message.status !== status)) {
      return false;
    }
    const seen = `${who(message)} ${address(message)} ${message.to} ${message.subject}`;
    return seen.toLowerCase().includes(search.toLowerCase());
  }

  /** From scratch, keeping what is shown until the answer is there. */
  async reload({ forget = false } = {}) {
    this.asked = PAGE;
    await this.fetch("/api/messages/", this.query(), (answer, since) => {
      if (forget) this.store.forget();
      else this.store.messages.clear();
      this.next = local(answer.next);
      this.store.load(answer.results, since);
    });
  }

  async older() {
    this.asked += PAGE;
    await this.fetch(this.next, {}, (answer, since) => {
      this.next = local(answer.next);
      this.store.load(answer.results, since);
    });
  }

  /** The first page again, for what the stream alone does not say. */
  async refresh() {
    const round = this.round;
    const since = this.store.arrivals;
    try {
      const { results } = await get("/api/messages/", this.query());
      if (round === this.round) this.store.load(results, since);
    } catch {
      // The next frame or the next connection asks again.
    }
  }

  async fetch(path, query, use) {
    this.round += 1;
    const round = this.round;
    const since = this.store.arrivals;
    this.show("loading");
    try {
      const answer = await get(path, query);
      if (round !== this.round) return;
      this.isLoaded = true;
      this.problem = null;
      use(answer, since);
      this.show("idle");
    } catch (error) {
      if (round === this.round) this.show("failed", error);
    }
  }

  onChange({ isIncomplete }) {
    if (isIncomplete) this.refreshSoon();
    if (this.store.messages.size > this.asked + SPARE) this.trim();
    this.draw();
  }

  /** What is dropped at the end is still there for "older". */
  trim() {
    this.store.keep(this.asked);
    const oldest = this.store.sorted().at(-1);
    const before = new Date(Date.parse(oldest.created_at) + 1).toISOString();
    this.next = `/api/messages/?${new URLSearchParams({ ...this.query(), created_before: before })}`;
  }

  show(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.draw();
  }

  draw() {
    const messages = this.store.sorted().filter((message) => this.matches(message));
    people.want(messages.map((message) => message.contact));
    this.place(messages);
    $("rows").setAttribute("aria-busy", String(this.state === "loading"));
    $("rows").dataset.state = this.state;
    $("older").hidden = !this.next || this.state === "failed";
    $("older").disabled = this.state === "loading";
    this.drawState(messages.length);
  }

  /** Only where it is another one: it is read aloud, and its button may have the focus. */
  drawState(shown) {
    const { search } = this.filters;
    const look = [this.state, shown > 0, this.isFiltered, search, this.problem?.message].join();
    if (look === this.look) return;
    this.look = look;
    $("state").replaceChildren(...this.standing(shown));
  }

  get isFiltered() {
    return Object.values(this.filters).some(Boolean);
  }

  place(messages) {
    const wanted = new Set(messages.map(({ id }) => id));
    for (const [id, item] of this.items) {
      if (wanted.has(id)) continue;
      item.remove();
      this.items.delete(id);
    }
    let place = $("rows").firstChild;
    for (const message of messages) {
      const item = this.items.get(message.id);
      if (item === undefined) this.add(message, place);
      else if (updateRow(item, message)) item.dataset.fresh = "changed";
      if (item === undefined) continue;
      if (item === place) place = place.nextSibling;
      else $("rows").insertBefore(item, place);
    }
  }

  add(message, before) {
    const item = createRow(message, this.open);
    item.addEventListener("animationend", () => delete item.dataset.fresh);
    if (this.state === "idle") item.dataset.fresh = "new";
    this.items.set(message.id, item);
    $("rows").insertBefore(item, before);
  }

  standing(shown) {
    if (this.state === "failed") return [this.failure()];
    if (this.state === "loading" && !shown) return skeleton();
    if (shown) return [];
    return [this.isFiltered ? this.nothingFound() : this.nothingYet()];
  }

  failure() {
    return h(
      "div",
      { class: "blank" },
      h("p", { class: "blank-title" }, "The messages could not be loaded"),
      h("p", {}, this.problem.message),
      h("button", { type: "button", class: "secondary", onclick: () => this.reload() }, "Try again"),
    );
  }

  nothingYet() {
    const start = { type: "button", class: "primary", onclick: () => this.write() };
    return h(
      "div",
      { class: "blank" },
      h("p", { class: "blank-title" }, "No messages yet"),
      h("p", {}, "What you send shows up here and tells what becomes of it, as it happens."),
      config.may_write ? h("button", start, "Compose the first one") : null,
    );
  }

  nothingFound() {
    const clear = () => {
      $("filters").reset();
      this.filter(this.chosen());
      $("search").focus();
    };
    const hint = this.filters.search
      ? "Names and parts of an address are looked for in the messages loaded here; a whole address is looked for in all of them."
      : "No message fits these filters.";
    return h(
      "div",
      { class: "blank" },
      h("p", { class: "blank-title" }, "Nothing found"),
      h("p", {}, hint),
      h("button", { type: "button", class: "secondary", onclick: clear }, "Clear the filters"),
    );
  }

  walk(event) {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const item = step && event.target.closest("li")?.[step];
    if (!item) return;
    event.preventDefault();
    item.firstChild.focus();
  }
}

function skeleton() {
  const line = () => h("div", { class: "skeleton", "aria-hidden": "true" });
  return [h("span", { class: "unseen" }, "Loading…"), line(), line(), line(), line(), line()];
}
