// To whom: contacts and typed addresses as chips, with suggestions while typing.

import { $, debounce, h, icon } from "./dom.js";
import { config } from "./config.js";
import { people } from "./people.js";
import { channel as channelName } from "./words.js";

const SEPARATORS = /[\s,;]*[\n,;]+[\s,;]*/;
const LOOKS_TYPED = /@|^\+?[\d\s().-]{5,}$/;

export class Recipients extends EventTarget {
  constructor() {
    super();
    this.list = [];
    this.options = [];
    this.active = -1;
    this.channel = "";
    this.input = $("recipient");
    this.box = $("suggestions");
    this.suggestSoon = debounce(() => this.suggest(), 150);
    this.input.addEventListener("input", () => this.onInput());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.take());
    this.input.addEventListener("focus", () => this.input.value.trim() && this.suggestSoon());
    people.addEventListener("change", () => this.draw());
    // Before the blur that the press would cause.
    this.box.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  /** Who is meant is kept; whether they can be reached there is to be checked again. */
  setChannel(channel) {
    this.channel = channel;
    for (const one of this.list) one.check = null;
    this.draw();
  }

  add(recipient) {
    const key = recipient.contact ? `contact ${recipient.contact}` : recipient.to.toLowerCase();
    if (!this.list.some((one) => one.key === key)) this.list.push({ key, check: null, ...recipient });
    this.input.value = "";
    this.hide();
    this.changed();
  }

  remove(recipient) {
    this.list = this.list.filter((one) => one !== recipient);
    this.changed();
  }

  clear() {
    this.list = [];
    this.changed();
  }

  changed() {
    this.draw();
    this.dispatchEvent(new Event("change"));
  }

  /** What is typed but not yet a chip becomes one. */
  take() {
    const typed = this.input.value.split(SEPARATORS).map((one) => one.trim());
    for (const to of typed.filter(Boolean)) this.add({ to, name: to });
    this.hide();
  }

  draw() {
    $("chips").replaceChildren(...this.list.map((one) => this.chip(one)));
  }

  chip(recipient) {
    const { name, check } = recipient;
    const remove = {
      type: "button",
      class: "chip-remove",
      "aria-label": `Remove ${name}`,
      onclick: () => {
        this.remove(recipient);
        this.input.focus();
      },
    };
    return h(
      "li",
      { class: "chip", data: { check: check?.state ?? "" }, title: check?.text || null },
      h("span", {}, name),
      this.reach(recipient),
      check?.text ? h("span", { class: "unseen" }, check.text) : null,
      h("button", remove, icon("close")),
    );
  }

  /** On which channels a contact can be reached, and whether this is one of them. */
  reach({ contact }) {
    const known = contact ? people.channels(contact) : null;
    if (!known || config.routed.length <= 1) return null;
    const icons = config.routed
      .filter((one) => known.includes(one))
      .map((one) => icon(one, `Reachable by ${channelName(one)}`));
    const missing = known.includes(this.channel) ? null : h("em", {}, `no ${channelName(this.channel)} address`);
    return h("span", { class: "chip-reach" }, missing ?? icons);
  }

  onInput() {
    if (SEPARATORS.test(this.input.value)) this.take();
    else this.suggestSoon();
  }

  onKey(event) {
    const keys = {
      ArrowDown: () => this.choose(this.active + 1),
      ArrowUp: () => this.choose(this.active - 1),
      Enter: () => this.enter(),
      Escape: () => this.hide(),
      Backspace: () => this.list.length && this.remove(this.list.at(-1)),
    };
    const acts = {
      ArrowDown: this.options.length,
      ArrowUp: this.options.length,
      Enter: this.input.value.trim(),
      Escape: !this.box.hidden,
      Backspace: !this.input.value,
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  enter() {
    const chosen = this.options[this.active];
    if (chosen) this.pick(chosen);
    else this.take();
  }

  async suggest() {
    const text = this.input.value.trim();
    this.asking?.abort();
    if (!text) return this.hide();
    this.asking = new AbortController();
    try {
      const found = await people.search(text, this.asking.signal);
      if (document.activeElement === this.input) this.offer(found, text);
    } catch (error) {
      if (error.name !== "AbortError") this.hide();
    }
  }

  offer(contacts, text) {
    const chosen = new Set(this.list.map((one) => one.contact));
    this.options = contacts
      .filter(({ id }) => !chosen.has(id))
      .map((contact) => ({ contact, address: this.address(contact) }));
    this.box.replaceChildren(...this.options.map((option, index) => this.option(option, index)));
    this.box.hidden = !this.options.length;
    this.input.setAttribute("aria-expanded", String(!this.box.hidden));
    // Enter takes the first contact, unless an address is being typed.
    const first = this.options.findIndex(({ address }) => address);
    this.choose(LOOKS_TYPED.test(text) ? -1 : first);
  }

  address(contact) {
    return contact.addresses.find((one) => one.channel === this.channel)?.value ?? "";
  }

  option({ contact, address }, index) {
    const missing = `no ${channelName(this.channel)} address`;
    const properties = {
      id: `suggestion-${index}`,
      role: "option",
      "aria-selected": "false",
      "aria-disabled": address ? null : "true",
      onclick: () => this.pick(this.options[index]),
    };
    return h("li", properties, h("span", {}, contact.name), h("span", {}, address || missing));
  }

  choose(index) {
    this.active = Math.max(-1, Math.min(index, this.options.length - 1));
    [...this.box.children].forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === this.active));
    });
    const active = this.box.children[this.active];
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.input.setAttribute("aria-activedescendant", active.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  pick({ contact, address }) {
    if (address) this.add({ contact: contact.id, name: contact.name });
  }

  hide() {
    this.asking?.abort();
    this.options = [];
    this.choose(-1);
    this.box.replaceChildren();
    this.box.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }
}

/** How the API is told about one of them. */
export const target = ({ contact, to }) => (contact ? { contact } : { to });
