// The messages with one person, newest last, and what becomes of them meanwhile.

import { get, local } from "./api.js";
import { LOOK_AGAIN, isAwaited } from "./awaited.js";
import { createBubble, updateBubble } from "./bubble.js";
import { $, debounce, h } from "./dom.js";
import { Store } from "./store.js";
import { date } from "./time.js";

const PAGE = 40;
const BEGINNINGS = new Set(["composed", "received"]);
// From the end of the page; within it, one is reading the newest.
const NEAR = 160;

export class Thread extends EventTarget {
  constructor(contact) {
    super();
    this.contact = contact;
    this.store = new Store();
    this.items = new Map();
    this.next = null;
    this.problem = null;
    this.refreshSoon = debounce(() => this.refresh(), 250, 1_500);
    this.store.addEventListener("change", () => this.draw());
    $("earlier").addEventListener("click", () => this.earlier());
  }

  query() {
    return { contact: this.contact.id, page_size: PAGE };
  }

  get last() {
    return this.store.sorted()[0] ?? null;
  }

  /** Theirs, or ours, by a channel; nobody answers a machine. */
  newest(direction, channel) {
    return this.store
      .sorted()
      .find((one) => one.direction === direction && !one.is_automatic && (!channel || one.channel === channel));
  }

  async reload() {
    this.state("loading");
    try {
      const since = this.store.arrivals;
      const answer = await get("/api/messages/", this.query());
      this.next = local(answer.next);
      this.problem = null;
      this.store.messages.clear();
      this.store.load(answer.results, since);
      this.state("idle");
      this.toTheEnd();
      this.dispatchEvent(new Event("loaded"));
    } catch (error) {
      this.problem = error;
      this.state("failed");
    }
  }

  /** The newest again, for what the stream does not say. */
  async refresh() {
    try {
      const since = this.store.arrivals;
      const { results } = await get("/api/messages/", this.query());
      const isNews = results.some(({ id }) => !this.store.get(id));
      const stays = this.isAtTheEnd;
      this.store.load(results, since);
      if (!isNews) return;
      if (stays) this.toTheEnd(true);
      this.announce();
      this.dispatchEvent(new Event("news"));
    } catch {
      // The next frame asks again.
    }
  }

  async earlier() {
    $("earlier").disabled = true;
    const height = document.documentElement.scrollHeight;
    try {
      const since = this.store.arrivals;
      const answer = await get(this.next);
      this.next = local(answer.next);
      this.store.load(answer.results, since);
      // What was being read stays where it was.
      scrollBy({ top: document.documentElement.scrollHeight - height, behavior: "instant" });
    } catch {
      // The button is still there.
    }
    $("earlier").disabled = false;
    this.state("idle");
  }

  /** What the organization's stream says about this thread. A new message names no contact. */
  hear(frames) {
    const ours = frames.filter((frame) => this.store.get(frame.message));
    if (ours.length) this.store.apply(ours);
    if (ours.length || frames.some(({ event }) => BEGINNINGS.has(event))) this.refreshSoon();
    if (ours.some(({ status }) => status === "suppressed" || status === "bounced")) {
      this.dispatchEvent(new Event("news"));
    }
  }

  /** One that was just sent from here. */
  add(message, since) {
    this.store.load([message], since);
    this.toTheEnd(true);
  }

  get isAtTheEnd() {
    const { scrollHeight } = document.documentElement;
    return scrollHeight - innerHeight - scrollY < NEAR;
  }

  toTheEnd(isSmooth = false) {
    scrollTo({ top: document.documentElement.scrollHeight, behavior: isSmooth ? "smooth" : "instant" });
  }

  announce() {
    // Nobody waits for an answer to an absence note.
    if (this.last?.direction === "inbound" && !this.last.is_automatic) $("news").textContent = `${this.contact.name} wrote.`;
  }

  state(name) {
    $("bubbles").setAttribute("aria-busy", String(name === "loading"));
    $("bubbles").dataset.state = name;
    $("earlier").hidden = !this.next || name !== "idle";
    $("state").replaceChildren(...this.standing(name));
  }

  standing(name) {
    if (name === "loading") return [h("p", { class: "unseen" }, "Loading…")];
    if (name === "failed") return [this.failure()];
    if (this.store.messages.size) return [];
    return [
      h(
        "div",
        { class: "blank" },
        h("p", { class: "blank-title" }, "Nothing was said yet"),
        h("p", {}, `What you write to ${this.contact.name} and what comes back shows up here, whichever channel it takes.`),
      ),
    ];
  }

  failure() {
    const again = { type: "button", class: "secondary", onclick: () => this.reload() };
    return h(
      "div",
      { class: "blank" },
      h("p", { class: "blank-title" }, "The conversation could not be loaded"),
      h("p", {}, this.problem.message),
      h("button", again, "Try again"),
    );
  }

  draw() {
    const messages = this.store.sorted().reverse();
    const wanted = messages.flatMap((message, index) => {
      const item = this.item(message);
      const day = date(message.created_at);
      const isNewDay = index === 0 || date(messages[index - 1].created_at) !== day;
      return isNewDay ? [this.day(day), item] : [item];
    });
    place($("bubbles"), wanted);
    if (messages.length) $("state").replaceChildren();
    clearTimeout(this.later);
    if (messages.some(isAwaited)) this.later = setTimeout(() => this.refresh(), LOOK_AGAIN);
  }

  item(message) {
    const known = this.items.get(message.id);
    const answered = this.store.get(message.in_reply_to);
    if (known) updateBubble(known, message, answered);
    else this.items.set(message.id, createBubble(message, answered));
    return this.items.get(message.id);
  }

  day(name) {
    const key = `day ${name}`;
    if (!this.items.has(key)) this.items.set(key, h("li", { class: "day" }, h("span", {}, name)));
    return this.items.get(key);
  }
}

/** Makes these the children, moving none that is in its place: focus and open details stay. */
function place(list, wanted) {
  const kept = new Set(wanted);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
}
