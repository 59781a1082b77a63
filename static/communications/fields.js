// The form as a draft, and the server's sentences beside its fields.

import { get } from "./api.js";
import { $, h, icon } from "./dom.js";
import { config } from "./config.js";
import { Plan } from "./plan.js";
import { lengthNote, segmentNote } from "./segments.js";
import { Variables, namesIn } from "./variables.js";
import { channel as channelName } from "./words.js";

const TEXTS = ["subject", "body", "html"];

export class Fields extends EventTarget {
  constructor() {
    super();
    this.form = $("compose-form");
    this.touched = new Set();
    this.filling = new Variables($("variable-list"), $("variables"));
    this.plan = new Plan();
    this.templates = [];
    this.drawChannels();
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    $("zone-hint").textContent = `Times of this computer: ${zone}.`;
    this.form.addEventListener("input", (event) => this.onInput(event));
    this.form.addEventListener("focusout", (event) => this.onLeave(event));
    $("template").addEventListener("change", () => this.onTemplate());
    this.plan.addEventListener("change", () => {
      this.showForChannel();
      this.changed();
    });
  }

  drawChannels() {
    const usable = config.routed.length ? config.routed : ["email"];
    $("channel-choices").replaceChildren(
      ...usable.map((value, index) =>
        h(
          "label",
          {},
          h("input", { type: "radio", name: "channel", value, checked: index === 0 }),
          h("span", {}, icon(value), channelName(value)),
        ),
      ),
    );
    // One channel is no choice.
    $("channels").hidden = usable.length === 1;
    for (const radio of this.form.elements.channel.length ? this.form.elements.channel : []) {
      radio.addEventListener("change", () => this.onChannel());
    }
    this.plan.setFirst(this.channel);
    this.showForChannel();
  }

  get channel() {
    return this.form.elements.channel.value;
  }

  get template() {
    const [chosen, version] = $("template").value.split("\n");
    return this.templates.find(({ name, language }) => name === chosen && (!version || language === version));
  }

  onChannel() {
    $("template").value = "";
    // What was said about the other channel is not about this one.
    this.touched.clear();
    this.errors = {};
    this.plan.setFirst(this.channel);
    this.showForChannel();
    this.loadTemplates();
    this.dispatchEvent(new Event("channel"));
    this.changed();
  }

  showForChannel() {
    const isEmail = this.channel === "email";
    // Also where a mail is only what follows.
    $("subject-field").hidden = !this.hasSubject;
    this.showTick(false);
    this.form.dataset.channel = this.channel;
    this.showLength(null);
    $("html-more").hidden = !isEmail || Boolean(this.template);
    $("body-field").hidden = Boolean(this.template);
    $("subject").placeholder = this.template?.subject ?? "";
  }

  get hasSubject() {
    return [this.channel, ...this.plan.channels].includes("email");
  }

  /** Whoever is sure of a number is asked once it is refused. */
  showTick(isRefused) {
    const isTicked = this.form.elements.allow_unconfirmed.checked;
    $("unconfirmed").hidden = this.channel === "email" || !(isRefused || isTicked);
  }

  /** Under the text of an SMS: what it costs. The server counts, so it needs a recipient. */
  showLength(segments) {
    const isShown = this.channel === "sms";
    $("length").hidden = !isShown;
    if (!isShown) return;
    const text = segments ? segmentNote(segments) : lengthNote($("body").value);
    if ($("length").textContent !== text) $("length").textContent = text;
    $("length").dataset.unusual = String(Boolean(segments?.unusual));
  }

  async loadTemplates() {
    const channel = this.channel;
    try {
      const { results } = await get("/api/templates/", { channel, page_size: 200 });
      if (channel !== this.channel) return;
      const usable = results.filter(({ unusable }) => !unusable);
      const place = ({ name, language }) => `${name} ${language}`;
      this.templates = usable.toSorted((a, b) => place(a).localeCompare(place(b)));
    } catch {
      this.templates = [];
    }
    const chosen = $("template").value;
    const options = templateOptions(this.templates);
    $("template").replaceChildren($("template").options[0], ...options);
    $("template").value = options.some(({ value }) => value === chosen) ? chosen : "";
    // Where only a template is taken, and there is none, the sentence that says so needs its place.
    $("template-field").hidden = !this.templates.length && channel !== "whatsapp";
  }

  onTemplate() {
    this.showForChannel();
    this.changed();
  }

  onInput(event) {
    if (event.target.name === "channel" || event.target.id === "recipient") return;
    // What was said about the old value is not about the new one.
    if (this.errors) delete this.errors[event.target.closest("[data-field]")?.dataset.field];
    this.filling.take(event.target);
    if (event.target.closest("#plan-steps")) return;
    this.changed();
  }

  onLeave(event) {
    const name = event.target.closest("[data-field]")?.dataset.field;
    // An empty field somebody only passed through is no mistake yet, nor are variables half way.
    if (!name || name === "variables" || !(event.target.value || this.touched.has(name))) return;
    this.touched.add(name);
    this.showErrors(this.errors ?? {});
  }

  changed() {
    this.drawVariables();
    this.dispatchEvent(new Event("change"));
  }

  /** What the message is made of, without whom it goes to. */
  draft() {
    const { subject, body, html, priority, send_at: sendAt, expires_at: expiresAt } = this.form.elements;
    const draft = { channel: this.channel, priority: priority.value };
    const isEmail = this.channel === "email";
    // For a number that is refused although it is right.
    if (!isEmail && this.form.elements.allow_unconfirmed.checked) draft.allow_unconfirmed = true;
    if (this.hasSubject && subject.value) draft.subject = subject.value;
    if (this.template) {
      const [, language] = $("template").value.split("\n");
      draft.template = this.template.name;
      if (language) draft.language = language;
    } else {
      draft.body = body.value;
      if (isEmail && html.value.trim()) draft.html = html.value;
    }
    const given = this.filling.given(this.asked().map(({ name }) => name));
    if (Object.keys(given).length) draft.variables = given;
    const fallback = this.plan.payload();
    if (fallback.length) draft.fallback = fallback;
    if (sendAt.value) draft.send_at = new Date(sendAt.value).toISOString();
    if (expiresAt.value) draft.expires_at = new Date(expiresAt.value).toISOString();
    return draft;
  }

  isEmpty() {
    const { subject, body, html } = this.form.elements;
    return !this.template && ![subject, body, html].some(({ value }) => value.trim());
  }

  /** What is to be filled in: {name, about}. */
  asked() {
    const texts = this.template ? [$("subject").value] : TEXTS.map((name) => this.written()[name]);
    const written = texts.flatMap((text) => namesIn(text)).map((name) => ({ name }));
    const asked = [...(this.template?.variables ?? []), ...written];
    return [...new Map(asked.map((variable) => [variable.name, variable])).values()];
  }

  written() {
    return Object.fromEntries(TEXTS.map((name) => [name, this.form.elements[name].value]));
  }

  drawVariables() {
    this.filling.draw(this.asked());
  }

  touchAll() {
    for (const field of this.form.querySelectorAll("[data-field]")) {
      this.touched.add(field.dataset.field);
    }
  }

  /** Shows the sentences of fields somebody has been in; returns what belongs to no field. */
  showErrors(errors) {
    this.errors = { ...errors, to: errors.to ?? errors.contact };
    const known = new Set(["contact"]);
    for (const field of this.form.querySelectorAll("[data-field]")) {
      const name = field.dataset.field;
      known.add(name);
      this.showError(field, this.touched.has(name) ? (this.errors[name] ?? "") : "");
    }
    const others = Object.entries(errors).filter(([name]) => !known.has(name));
    return others.map(([, sentence]) => sentence).join(" ");
  }

  showError(field, sentence) {
    const place = field.querySelector(".error");
    if (place.textContent !== sentence) place.textContent = sentence;
    place.hidden = !sentence;
    for (const input of field.querySelectorAll("input, select, textarea")) {
      const isGood = input.dataset.variable && input.value;
      if (sentence && !isGood) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    if (sentence) field.closest("details")?.setAttribute("open", "");
  }

  focusFirstError() {
    const place = [...this.form.querySelectorAll(".error")].find((error) => !error.hidden);
    place?.closest("[data-field]").querySelector("input, select, textarea")?.focus();
    return Boolean(place);
  }

  /** For the next message; the channel stays. */
  reset() {
    const { channel } = this;
    this.form.reset();
    this.form.elements.channel.value = channel;
    this.touched.clear();
    this.filling.clear();
    this.plan.clear();
    this.showErrors({});
    this.showForChannel();
    this.drawVariables();
    for (const more of this.form.querySelectorAll("details")) more.open = false;
  }
}

/** One for each name; where there are several languages, also one for each: else the reader's is taken. */
function templateOptions(templates) {
  const byName = new Map();
  for (const template of templates) byName.set(template.name, [...(byName.get(template.name) ?? []), template]);
  return [...byName].flatMap(([name, versions]) => {
    const automatic = h("option", { value: name }, versions.length > 1 ? `${name} (in the reader’s language)` : name);
    if (versions.length === 1) return [automatic];
    const chosen = versions.filter(({ language }) => language);
    return [automatic, ...chosen.map(({ language }) => h("option", { value: `${name}\n${language}` }, `${name} (${language})`))];
  });
}
