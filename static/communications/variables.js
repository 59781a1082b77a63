// The places in a text that are filled in: {{ name }} of our templates, {{1}} of approved ones.

import { h } from "./dom.js";

const VARIABLE = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/** Each once, in their order. */
export const namesIn = (text) => [...new Set([...text.matchAll(VARIABLE)].map((match) => match[1]))];

export class Variables {
  /** `list` is where the inputs go, `box` what is hidden while there are none. */
  constructor(list, box) {
    this.list = list;
    this.box = box;
    this.values = new Map();
  }

  /** `asked`: {name, about}. Draws nothing anew while they stay the same: somebody may be typing. */
  draw(asked) {
    this.box.hidden = !asked.length;
    const shown = [...this.list.children].map((row) => row.dataset.name);
    if (asked.map(({ name }) => name).join() === shown.join()) return;
    this.list.replaceChildren(...asked.map((variable) => this.row(variable)));
  }

  row({ name, about }) {
    const id = `variable-${name}`;
    const value = this.values.get(name) ?? "";
    const input = { id, data: { variable: name }, value, "aria-describedby": "variables-error" };
    const label = /^\d+$/.test(name) ? `{{${name}}}` : name.replaceAll("_", " ");
    const hint = about ? h("p", { class: "hint" }, about) : null;
    return h("div", { class: "variable", data: { name } }, h("label", { for: id }, label), h("input", input), hint);
  }

  /** Takes what was typed into one of the inputs; whether it was one. */
  take(input) {
    const { variable } = input.dataset;
    if (variable) this.values.set(variable, input.value);
    return Boolean(variable);
  }

  /** The values that are there, of these names. */
  given(names) {
    const known = names.filter((name) => this.values.get(name));
    return Object.fromEntries(known.map((name) => [name, this.values.get(name)]));
  }

  /** The text with its values; what is still to be filled in stands out. */
  filled(text) {
    return text.split(/(\{\{\s*[A-Za-z0-9_]+\s*\}\})/).map((part) => {
      const [name] = namesIn(part);
      if (name === undefined) return part;
      return this.values.get(name) || h("mark", { class: "hole" }, part);
    });
  }

  clear() {
    this.values.clear();
    this.list.replaceChildren();
  }
}
