// One message: its text, its attempts, its timeline, and what may be decided about it.

import { get, post } from "./api.js";
import { notes, place, reactions } from "./around.js";
import { LOOK_AGAIN, isAwaited } from "./awaited.js";
import { $, debounce, h, icon } from "./dom.js";
import { attempts, reasons, timeline } from "./history.js";
import { config } from "./config.js";
import { htmlFrame } from "./html.js";
import { media } from "./media.js";
import { Panel } from "./panel.js";
import { people } from "./people.js";
import { address, badge, conversation, isInbound, marks, who } from "./row.js";
import { full, time } from "./time.js";
import { channel, detour, explanation, title } from "./words.js";

const NOBODY = "00000000-0000-0000-0000-000000000000";
const RETRIABLE = new Set(["failed", "bounced", "suppressed", "cancelled", "expired"]);
const HASH = /^#message=([0-9a-f-]{36})$/;

export class Detail {
  constructor(store, { reply }) {
    this.store = store;
    this.reply = reply;
    this.panel = new Panel($("detail"));
    this.refreshSoon = debounce(() => this.refresh(), 200, 800);
    this.panel.dialog.addEventListener("closed", () => this.forget());
    store.addEventListener("change", ({ detail }) => {
      if (detail.touched.has(this.id)) this.refreshSoon();
    });
  }

  /** A link to a message opens it. */
  openFromAddress() {
    const found = HASH.exec(location.hash);
    if (found) this.open(found[1], null);
  }

  open(id, opener = document.activeElement) {
    this.id = id;
    this.message = this.store.get(id) ?? null;
    this.events = null;
    this.refusal = "";
    $("detail-body").scrollTop = 0;
    this.mark();
    history.replaceState(null, "", `#message=${id}`);
    $("detail-title").textContent = this.message ? title(this.message) : "Message";
    $("detail-body").replaceChildren(h("p", { class: "hint" }, "Loading…"));
    this.panel.open(opener);
    return this.refresh();
  }

  forget() {
    this.id = null;
    this.mark();
    history.replaceState(null, "", location.pathname + location.search);
  }

  mark() {
    for (const item of $("rows").children) {
      if (item.dataset.id === this.id) item.dataset.open = "";
      else delete item.dataset.open;
    }
  }

  async refresh() {
    const id = this.id;
    if (!id) return;
    try {
      const since = this.store.arrivals;
      const path = `/api/messages/${id}/`;
      const [message, events] = await Promise.all([get(path), get(`${path}events/`)]);
      if (id !== this.id) return;
      this.message = message;
      this.events = events;
      if (this.store.get(id) && this.store.get(id).updated_at !== message.updated_at) {
        this.store.load([message], since);
      }
      people.want([message.contact]);
      this.draw();
      clearTimeout(this.later);
      if (isAwaited(message)) this.later = setTimeout(() => this.refresh(), LOOK_AGAIN);
    } catch (error) {
      if (id === this.id) this.fail(error);
    }
  }

  fail(error) {
    const again = { type: "button", class: "secondary", onclick: () => this.refresh() };
    if (this.events) return;
    $("detail-body").replaceChildren(
      h("p", { class: "alert" }, icon("warning"), error.message),
      h("button", again, "Try again"),
    );
  }

  draw() {
    const { message, events } = this;
    const focused = document.activeElement?.dataset?.decide;
    $("detail-title").textContent = title(message);
    $("detail-body").replaceChildren(
      this.summary(message),
      ...(isInbound(message) ? [] : standings(message, events)),
      this.decisions(message),
      ...this.content(message),
      ...(message.attempts.length ? [heading("Attempts"), attempts(message.attempts)] : []),
      heading("Timeline"),
      timeline(events),
    );
    if (focused) $("detail-body").querySelector(`[data-decide="${focused}"]`)?.focus();
  }

  summary(message) {
    const line = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
    const name = who(message);
    const other = address(message);
    const from = isInbound(message);
    return h(
      "div",
      { class: "summary" },
      h("p", { class: "summary-badges" }, badge(message), marks(message)),
      h(
        "dl",
        {},
        line(from ? "From" : "To", person(message, name), name === other ? null : h("span", { class: "soft" }, ` ${other}`)),
        from ? line("To", message.to) : null,
        from && message.reply_to ? line("Answers to", message.reply_to) : null,
        line("Channel", channel(message.went_by), message.provider ? ` through ${message.provider}` : ""),
        message.fallback.length ? line("Plan", planned(message)) : null,
        line(from ? "Received" : "Composed", full(message.created_at), " · ", time(message.created_at)),
        message.send_at ? line("Send at", full(message.send_at)) : null,
        message.expires_at ? line("Not later than", full(message.expires_at)) : null,
        message.priority === "normal" ? null : line("Priority", message.priority),
        message.opened_at ? line("First opened", full(message.opened_at)) : null,
        message.clicked_at ? line("First click", full(message.clicked_at)) : null,
        message.complained_at ? line("Complaint", full(message.complained_at)) : null,
      ),
    );
  }

  decisions(message) {
    const button = (what, label, name) =>
      h(
        "button",
        { type: "button", class: "secondary", data: { decide: what }, onclick: () => this.decide(what) },
        icon(name),
        label,
      );
    const buttons = [];
    if (config.may_write && !isInbound(message)) {
      if (RETRIABLE.has(message.status)) buttons.push(button("retry", "Retry", "retry"));
      if (message.status === "queued") buttons.push(button("cancel", "Cancel", "close"));
    }
    if (config.may_write && isInbound(message)) buttons.push(button("reply", "Reply", "write"));
    if (message.contact) {
      const there = { class: "secondary", href: conversation(message.contact) };
      buttons.push(h("a", there, icon("thread"), "Conversation"));
    }
    const admin = this.panel.dialog.dataset.admin.replace(NOBODY, message.id);
    if (admin) buttons.push(h("a", { class: "secondary", href: admin }, icon("arrow"), "Open in the admin"));
    const said = h("p", { class: "refusal", role: "alert" }, this.refusal);
    return h("div", { class: "decisions" }, h("div", { class: "buttons" }, buttons), said);
  }

  async decide(what) {
    if (what === "reply") return this.reply(this.message);
    const id = this.id;
    this.refusal = "";
    try {
      await post(`/api/messages/${id}/${what}/`);
    } catch (error) {
      this.refusal = error.message;
    }
    if (id === this.id) await this.refresh();
    if (!this.panel.dialog.contains(document.activeElement)) $("detail-title").focus();
  }

  content(message) {
    const name = `Text of ${title(message)}`;
    const parts = [heading("Message")];
    // The frame shows what mail programs show; the text is what the others do.
    if (message.html) parts.push(htmlFrame(message.html, { title: name, remote: !isInbound(message) }));
    if (message.html && message.body) {
      parts.push(h("details", { class: "more" }, h("summary", {}, "As plain text"), text(message.body)));
    } else if (!message.html) {
      parts.push(message.body ? text(message.body) : h("p", { class: "hint" }, textless(message)));
    }
    if (message.media.length) parts.push(media(message.media));
    return [...parts, place(message), reactions(message), ...notes(message)].filter(Boolean);
  }
}

const person = (message, name) =>
  message.contact ? h("a", { href: conversation(message.contact) }, name) : name;

const textless = (message) =>
  isAwaited(message) ? "The text is being fetched from the provider…" : "Without a text.";

const heading = (name) => h("h3", {}, name);
const text = (body) => h("div", { class: "body-text" }, body);

/** "WhatsApp, then SMS after 10 min." */
function planned({ channel: first, fallback }) {
  const steps = fallback.map(({ channel: by, after_seconds: after }) =>
    `then ${channel(by)} ${after === undefined ? "immediately" : `after ${Math.round(after / 60)} min`}`,
  );
  return [channel(first), ...steps].join(", ");
}

/** What went wrong, what it means, and why it took another way. */
function standings(message, events) {
  const alert = (...content) => h("p", { class: "alert" }, icon("warning"), h("span", {}, ...content));
  const note = (name, ...content) => h("div", { class: "note" }, icon(name), h("div", {}, ...content));
  const found = [];
  if (message.error) found.push(alert(message.error));
  if (message.status === "unknown") found.push(note("warning", explanation("unknown")));
  if (detour(message)) found.push(note("detour", h("strong", {}, `It went ${detour(message)}`), reasons(events)));
  return found;
}
