// The box under a conversation: the right channel first, and only what that channel takes.

import { Problem, post } from "./api.js";
import { $, debounce, h, icon } from "./dom.js";
import { lengthNote, segmentNote } from "./segments.js";
import { Outbox } from "./sending.js";
import { Variables } from "./variables.js";
import { stateOf } from "./ways.js";
import { channel as channelName } from "./words.js";

const WAIT = 300;

export class Reply {
  constructor(contact, { ways, thread }) {
    this.contact = contact;
    this.ways = ways;
    this.thread = thread;
    this.form = $("reply");
    this.outbox = new Outbox();
    this.filling = new Variables($("variable-list"), $("variables"));
    this.isChosen = false;
    this.wantsTemplate = false;
    this.errors = {};
    this.checkSoon = debounce(() => this.check(), WAIT);
    this.listen();
  }

  listen() {
    this.ways.addEventListener("change", () => this.draw());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    $("template-toggle").addEventListener("click", () => this.toggle());
    this.form.addEventListener("input", (event) => this.onInput(event));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
  }

  get channel() {
    return this.form.elements.channel?.value ?? "";
  }

  get way() {
    return this.ways.of(this.channel);
  }

  get template() {
    return this.way?.templates.find(({ name }) => name === $("template").value) ?? null;
  }

  // --- drawing ---

  draw() {
    const { list } = this.ways;
    const stays = this.form.hidden || this.thread.isAtTheEnd;
    const usable = list.filter((way) => stateOf(way) !== "closed");
    const chosen = this.pick(usable);
    $("reply-channels").replaceChildren(...list.map((way) => this.radio(way, chosen)));
    this.drawClosed();
    $("reply-fields").hidden = !usable.length;
    $("send").hidden = !usable.length;
    this.form.hidden = false;
    this.onChannel();
    if (stays) this.thread.toTheEnd();
  }

  /** What somebody chose stays chosen; until then it is where the person wrote last. */
  pick(usable) {
    const names = usable.map(({ channel }) => channel);
    if (this.isChosen && names.includes(this.channel)) return this.channel;
    return usable.find(({ is_preferred: isPreferred }) => isPreferred)?.channel ?? names[0];
  }

  radio(way, chosen) {
    const isClosed = stateOf(way) === "closed";
    const input = {
      type: "radio",
      name: "channel",
      value: way.channel,
      checked: way.channel === chosen,
      disabled: isClosed,
    };
    return h(
      "label",
      { title: way.reason || null },
      h("input", input),
      h("span", {}, icon(way.channel), channelName(way.channel)),
    );
  }

  onChannel() {
    const { way } = this;
    $("subject-field").hidden = this.channel !== "email";
    this.prefill();
    this.drawTemplates(way);
    this.showErrors({});
    this.onTemplate();
  }

  /** The subject of what is answered, until somebody writes another. */
  prefill() {
    if (this.channel !== "email" || $("subject").value) return;
    const last = this.thread.newest("inbound", "email") ?? this.thread.newest("outbound", "email");
    const subject = last?.subject ?? "";
    if (subject) $("subject").value = /^re:/i.test(subject) ? subject : `Re: ${subject}`;
  }

  onThread() {
    this.prefill();
    if (this.ways.list) this.drawClosed();
  }

  /** Why not by the other channels, and where an answer goes that is wanted elsewhere. */
  drawClosed() {
    const wanted = this.wantedAt;
    const elsewhere = wanted ? [h("li", {}, icon("email"), h("span", {}, `Mails go to ${wanted}, as the last one asks.`))] : [];
    $("closed").replaceChildren(...this.ways.list.filter(({ reason }) => reason).map(closed), ...elsewhere);
  }

  /** The address at which who wrote the last mail wants answers; blank: where it came from. */
  get wantedAt() {
    const last = this.thread.newest("inbound", "email");
    return last?.reply_to && last.reply_to !== last.sender.toLowerCase() ? last.reply_to : "";
  }

  drawTemplates(way) {
    const templates = way?.templates ?? [];
    const chosen = $("template").value;
    const options = templates.map(({ name }) => h("option", { value: name }, name));
    $("template").replaceChildren(h("option", { value: "" }, "Choose an approved text"), ...options);
    $("template").value = templates.some(({ name }) => name === chosen) ? chosen : "";
    this.drawToggle();
  }

  /** Where any text is taken, an approved one is only offered. */
  drawToggle() {
    const { way } = this;
    const isOffered = Boolean(way?.is_open && way.templates.length);
    const isShown = Boolean(way?.templates.length) && (!isOffered || this.wantsTemplate);
    $("template-toggle").hidden = !isOffered;
    $("template-toggle").textContent = isShown ? "Write a text instead" : "Use an approved text";
    $("template-field").hidden = !isShown;
    if (!isShown) $("template").value = "";
  }

  toggle() {
    this.wantsTemplate = !this.wantsTemplate;
    this.drawToggle();
    this.onTemplate();
    this.focusText();
  }

  focusText() {
    ($("template-field").hidden ? $("body") : $("template")).focus();
  }

  onTemplate() {
    const { template } = this;
    const isText = $("template-field").hidden && (this.way?.is_open ?? false);
    $("body-field").hidden = !isText;
    $("body").placeholder = this.channel ? `Write by ${channelName(this.channel)}…` : "";
    this.filling.draw(template?.variables ?? []);
    this.drawFilled();
    this.showLength(null);
    this.checkSoon();
  }

  drawFilled() {
    const { template } = this;
    $("filled").hidden = !template;
    $("filled").replaceChildren(...(template ? this.filling.filled(template.body) : []));
  }

  showLength(segments) {
    const note = segments ? segmentNote(segments) : lengthNote($("body").value);
    const isShown = this.channel === "sms" && $("body").value;
    $("length").textContent = isShown ? note : "";
  }

  onInput(event) {
    if (event.target.name === "channel") {
      this.isChosen = true;
      this.onChannel();
      return this.focusText();
    }
    const field = event.target.closest("[data-field]")?.dataset.field;
    const { [field]: _, ...others } = this.errors;
    this.showErrors(others);
    if (event.target.id === "template") this.onTemplate();
    else if (this.filling.take(event.target)) this.drawFilled();
    this.checkSoon();
  }

  // --- what the server says ---

  draft() {
    const { template, channel } = this;
    const wanted = channel === "email" ? this.wantedAt : "";
    const draft = wanted ? { channel, to: wanted } : { channel, contact: this.contact.id };
    if (channel === "email" && $("subject").value) draft.subject = $("subject").value;
    if (!template) return { ...draft, body: $("body").value };
    const names = template.variables.map(({ name }) => name);
    return { ...draft, template: template.name, language: template.language, variables: this.filling.given(names) };
  }

  /** Counts the segments of an SMS while it is written. */
  async check() {
    this.asking?.abort();
    if (this.channel !== "sms" || !$("body").value.trim()) return this.showLength(null);
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      this.showLength((await post("/api/messages/preview/", this.draft(), { signal })).segments);
    } catch (error) {
      if (error.name !== "AbortError") this.showLength(null);
    }
  }

  async send() {
    if (this.isSending || !this.channel) return;
    this.isSending = true;
    $("send").setAttribute("aria-disabled", "true");
    try {
      const since = this.thread.store.arrivals;
      this.thread.add(await this.outbox.send(this.draft()), since);
      this.startAgain();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.refuse(problem);
    } finally {
      this.isSending = false;
      $("send").removeAttribute("aria-disabled");
    }
  }

  startAgain() {
    this.asking?.abort();
    $("body").value = "";
    $("template").value = "";
    this.wantsTemplate = false;
    this.drawToggle();
    this.filling.clear();
    this.showErrors({});
    this.onTemplate();
    this.focusText();
    this.ways.refreshSoon();
  }

  refuse(problem) {
    const other = this.showErrors(problem.fields);
    const lost = "No answer. It is safe to send again: it cannot arrive twice.";
    const isNamed = Object.keys(problem.fields).length && !other;
    $("reply-note").textContent = problem.isUncertain ? lost : isNamed ? "" : other || problem.message;
    const place = [...this.form.querySelectorAll(".error[id$=-error]")].find((one) => !one.hidden);
    place?.closest("[data-field]").querySelector("input, select, textarea")?.focus();
    // Perhaps a channel was closed meanwhile.
    this.ways.refreshSoon();
  }

  /** Returns what belongs to no field that is there. */
  showErrors(errors) {
    this.errors = errors;
    $("reply-note").textContent = "";
    const known = new Set();
    for (const field of this.form.querySelectorAll("[data-field]")) {
      if (field.hidden) continue;
      const name = field.dataset.field;
      known.add(name);
      showError(field, errors[name] ?? "");
    }
    return Object.entries(errors).filter(([name]) => !known.has(name)).map(([, said]) => said).join(" ");
  }
}

function showError(field, sentence) {
  const place = field.querySelector(".error");
  place.textContent = sentence;
  place.hidden = !sentence;
  for (const input of field.querySelectorAll("input, select, textarea")) {
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

const closed = (way) =>
  h("li", { data: { channel: way.channel } }, icon(way.channel), h("span", {}, h("strong", {}, `${channelName(way.channel)}: `), way.reason));
