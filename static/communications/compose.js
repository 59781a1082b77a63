// The panel in which a message is written, checked, previewed and sent.

import { Problem, get } from "./api.js";
import { Checks } from "./checks.js";
import { $, h, icon } from "./dom.js";
import { Fields } from "./fields.js";
import { Panel } from "./panel.js";
import { Preview } from "./preview.js";
import { Recipients, target } from "./recipients.js";
import { badge } from "./row.js";
import { Outbox, inParallel } from "./sending.js";
import { people } from "./people.js";

export class Compose {
  constructor(store, { show }) {
    this.store = store;
    this.show = show;
    this.panel = new Panel($("compose"));
    this.fields = new Fields();
    this.recipients = new Recipients();
    this.recipients.setChannel(this.fields.channel);
    this.checks = new Checks(this.fields, this.recipients);
    this.preview = new Preview(this.fields, this.recipients);
    this.outbox = new Outbox();
    this.jobs = [];
    this.listen();
    this.label();
  }

  listen() {
    this.fields.addEventListener("channel", () => this.recipients.setChannel(this.fields.channel));
    for (const part of [this.fields, this.recipients]) {
      part.addEventListener("change", () => {
        this.label();
        this.ask();
      });
    }
    this.checks.addEventListener("result", ({ detail }) => this.onResult(detail));
    $("write").addEventListener("click", () => this.open());
    $("compose-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    // Those that were sent go on telling what becomes of them.
    this.store.addEventListener("change", () => this.jobs.length && this.drawResults());
  }

  open({ opener } = {}) {
    if (this.isDone) this.startAgain();
    this.fields.loadTemplates();
    this.panel.open(opener ?? document.activeElement);
    $("recipient").focus();
  }

  reply(message) {
    this.startAgain();
    const { contact, sender, subject, channel } = message;
    const radio = $("channel-choices").querySelector(`[value="${channel}"]`);
    if (radio && !radio.checked) {
      radio.checked = true;
      this.fields.onChannel();
    }
    this.open();
    if (contact) this.recipients.add({ contact, name: people.name(contact) || sender });
    else this.recipients.add({ to: sender, name: sender });
    if (subject) $("subject").value = /^re:/i.test(subject) ? subject : `Re: ${subject}`;
    $("body").focus();
  }

  startAgain() {
    this.isDone = false;
    this.jobs = [];
    this.fields.reset();
    this.recipients.clear();
    $("compose-columns").hidden = false;
    $("compose-foot").hidden = false;
    $("compose-note").textContent = "";
    this.drawResults();
    this.preview.show(null);
  }

  label() {
    const count = this.recipients.list.length;
    const verb = $("send_at").value ? "Schedule" : "Send";
    $("send").textContent = count > 1 ? `${verb} ${count} messages` : verb;
  }

  /** Whether WhatsApp takes any text now: to be known before one is written. */
  async ask() {
    const contact = this.fields.channel === "whatsapp" ? this.recipients.list[0]?.contact : null;
    if (contact === this.asked) return;
    this.asked = contact;
    this.way = null;
    if (!contact) return;
    try {
      const ways = await get(`/api/contacts/${contact}/channels/`);
      if (contact !== this.asked) return;
      this.way = ways.find(({ channel }) => channel === "whatsapp") ?? null;
      this.checks.soon();
    } catch {
      this.asked = undefined;
    }
  }

  /** What only a template, or another channel afterwards, gets around. */
  get closed() {
    const isAround = this.fields.template || this.fields.plan.steps.length;
    if (!this.way || this.way.is_open || isAround) return "";
    return this.way.templates.length ? `${this.way.reason} Choose one above.` : "";
  }

  onResult(result) {
    this.preview.show(result);
    this.fields.showLength(result?.answer?.segments ?? null);
    const errors = this.errorsOf(result?.problem);
    // The server knows better, once there is a text to judge.
    if (this.closed && !result?.answer) errors.template ??= this.closed;
    // Where free text is not taken, that is to be known before it is written.
    if (errors.template) this.fields.touched.add("template");
    this.fields.showTick(Boolean(this.recipients.list.length && errors.to));
    const other = this.fields.showErrors(errors);
    this.note(other);
  }

  errorsOf(problem) {
    const errors = problem ? { ...problem.fields } : {};
    const invalid = this.recipients.list.filter(({ check }) => check?.state === "invalid");
    if (invalid.length) {
      this.fields.touched.add("to");
      errors.to = invalid.map(({ check }) => check.text).join(" ");
    } else if (!this.recipients.list.length) {
      errors.to = "Choose at least one recipient.";
    }
    return errors;
  }

  note(text) {
    if ($("compose-note").textContent !== text) $("compose-note").textContent = text;
  }

  async send() {
    if (this.isSending) return;
    this.isSending = true;
    $("send").setAttribute("aria-disabled", "true");
    try {
      this.recipients.take();
      if (await this.isGood()) await this.sendAll();
    } finally {
      this.isSending = false;
      $("send").removeAttribute("aria-disabled");
    }
  }

  async isGood() {
    this.fields.touchAll();
    if (!this.recipients.list.length) {
      this.onResult(null);
      this.fields.focusFirstError();
      return false;
    }
    const problem = await this.checks.run();
    if (this.fields.focusFirstError()) return false;
    // Without an answer it is sent all the same: the outbox asks again, and never twice.
    if (!problem || problem.isUncertain) return true;
    this.note(problem.message);
    return false;
  }

  async sendAll() {
    const draft = this.fields.draft();
    this.jobs = this.recipients.list.map((recipient) => ({ recipient, state: "sending" }));
    this.note("Sending…");
    this.drawResults();
    await inParallel(this.jobs, (job) => this.sendOne(job, draft));
    const sent = this.jobs.filter(({ state }) => state === "sent");
    this.note("");
    if (sent.length === this.jobs.length) this.finish();
    else this.keepTheRest();
    this.drawResults();
    if (this.isDone) $("results").focus();
  }

  async sendOne(job, draft) {
    try {
      const since = this.store.arrivals;
      const message = await this.outbox.send({ ...draft, ...target(job.recipient) });
      Object.assign(job, { state: "sent", id: message.id, message });
      this.store.load([message], since);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      job.state = problem.isUncertain ? "uncertain" : "refused";
      job.text = problem.isUncertain
        ? "No answer. It is safe to send again: it cannot arrive twice."
        : problem.message;
    }
    this.drawResults();
  }

  finish() {
    this.isDone = true;
    $("compose-columns").hidden = true;
    $("compose-foot").hidden = true;
  }

  /** Sending again is for those that are left. */
  keepTheRest() {
    const sent = new Set(this.jobs.filter(({ state }) => state === "sent").map((job) => job.recipient));
    this.recipients.list = this.recipients.list.filter((one) => !sent.has(one));
    this.recipients.draw();
    this.label();
    this.note(`${this.jobs.length - sent.size} of ${this.jobs.length} not sent yet.`);
  }

  drawResults() {
    const focused = document.activeElement?.dataset?.result;
    $("results").hidden = !this.jobs.length;
    $("results").replaceChildren(...(this.jobs.length ? this.results() : []));
    if (focused) $("results").querySelector(`[data-result="${focused}"]`)?.focus();
  }

  results() {
    const list = h("ul", { class: "result-list" }, this.jobs.map((job) => this.result(job)));
    if (!this.isDone) return [list];
    const count = this.jobs.length;
    const title = count === 1 ? "Your message is on its way" : `${count} messages are on their way`;
    const again = () => {
      this.startAgain();
      $("recipient").focus();
    };
    const more = { type: "button", class: "primary", onclick: again, data: { result: "again" } };
    return [
      h("p", { class: "result-title" }, title),
      list,
      h("p", { class: "buttons" }, h("button", more, icon("write"), "Write another")),
    ];
  }

  result(job) {
    const { recipient, state, text, id } = job;
    if (state !== "sent") {
      const said = state === "sending" ? "Sending…" : text;
      return h("li", { data: { state } }, h("span", {}, recipient.name), h("span", { class: "result-text" }, said));
    }
    const open = { type: "button", class: "link", data: { result: id }, onclick: () => this.show(id) };
    return h(
      "li",
      { data: { state } },
      h("button", open, recipient.name),
      badge(this.store.get(id) ?? job.message),
    );
  }
}
