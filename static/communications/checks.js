// Asks the server, while a message is being written, what would become of it.

import { Problem, post } from "./api.js";
import { $, debounce } from "./dom.js";
import { target } from "./recipients.js";

const WAIT = 350;

export class Checks extends EventTarget {
  constructor(fields, recipients) {
    super();
    this.fields = fields;
    this.recipients = recipients;
    this.soon = debounce(() => this.run(), WAIT);
    fields.addEventListener("change", () => this.soon());
    recipients.addEventListener("change", () => this.soon());
    // Whoever is sure of a number changes what is known of it.
    $("unconfirmed").addEventListener("change", () => {
      for (const recipient of recipients.list) recipient.check = null;
    });
  }

  /** Resolves to what is wrong with the message for the first recipient, null if nothing is. */
  run() {
    this.latest = this.judge();
    return this.latest;
  }

  /** One that a later one overtook resolves to what the later one finds. */
  async judge() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const draft = this.fields.draft();
    const [first, ...others] = this.recipients.list;
    try {
      const shown = first ? await this.check(draft, first, signal) : null;
      // What is known about an address does not change with the text.
      const open = others.filter(({ check }) => !check?.isKnown);
      for (const one of open) await this.check(draft, one, signal);
      if (signal.aborted) return this.latest;
      this.recipients.draw();
      this.dispatchEvent(new CustomEvent("result", { detail: shown }));
      return shown?.problem ?? null;
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      return this.latest;
    }
  }

  async check(draft, recipient, signal) {
    try {
      const body = { ...draft, ...target(recipient) };
      const answer = await post("/api/messages/preview/", body, { signal });
      recipient.check = answer.refusal
        ? { state: "refused", text: answer.refusal, isKnown: true }
        : { state: "ok", text: "", isKnown: true };
      return { recipient, answer };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const text = problem.fields.to ?? problem.fields.contact;
      recipient.check = text ? { state: "invalid", text, isKnown: true } : null;
      return { recipient, problem };
    }
  }
}
