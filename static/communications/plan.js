// "If it does not arrive: then by SMS, after 10 minutes": the message's fallback plan.

import { $, h, icon } from "./dom.js";
import { config } from "./config.js";
import { channel as channelName } from "./words.js";

const LIKELY = ["sms", "whatsapp", "email"];
const MINUTES = 10;
// 30 days, which is what the API takes.
const MOST = 43_200;

export class Plan extends EventTarget {
  constructor() {
    super();
    this.steps = [];
    this.first = "";
    $("plan-add").addEventListener("click", () => this.add());
  }

  /** The message's own channel: a step back to it makes no sense. */
  setFirst(channel) {
    this.first = channel;
    this.steps = this.steps.filter((step) => step.channel !== channel);
    this.draw();
  }

  get channels() {
    return this.steps.map(({ channel }) => channel);
  }

  /** Those that are not in the plan yet, the likeliest first. */
  get others() {
    const isLeft = (one) => one !== this.first && !this.channels.includes(one);
    return LIKELY.filter((one) => config.routed.includes(one) && isLeft(one));
  }

  add() {
    this.steps.push({ channel: this.others[0], minutes: null });
    this.changed();
    $("plan-steps").lastElementChild.querySelector("select").focus();
  }

  remove(step) {
    this.steps = this.steps.filter((one) => one !== step);
    this.changed();
    ($("plan-add").hidden ? $("plan-steps").querySelector("select") : $("plan-add"))?.focus();
  }

  clear() {
    this.steps = [];
    this.draw();
  }

  changed() {
    this.draw();
    this.dispatchEvent(new Event("change"));
  }

  /** As the API takes it. */
  payload() {
    return this.steps.map(({ channel, minutes }) =>
      minutes === null ? { channel } : { channel, after_seconds: minutes * 60 },
    );
  }

  draw() {
    $("plan").hidden = config.routed.length <= 1;
    $("plan-steps").replaceChildren(...this.steps.map((step) => this.row(step)));
    $("plan-add").hidden = !this.others.length;
    $("plan-add-text").textContent = this.steps.length ? "And then" : "Send it by another channel then";
  }

  row(step) {
    const number = this.steps.indexOf(step);
    return h(
      "li",
      { class: "plan-step" },
      h("span", { class: "plan-word" }, number ? "and then by" : "then by"),
      this.channelSelect(step),
      this.whenSelect(step),
      ...(step.minutes === null ? [] : [this.minutes(step)]),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Leave this step out", onclick: () => this.remove(step) },
        icon("close"),
      ),
    );
  }

  channelSelect(step) {
    const options = [step.channel, ...this.others].map((value) =>
      h("option", { value, selected: value === step.channel }, channelName(value)),
    );
    const change = ({ target }) => {
      step.channel = target.value;
      this.changed();
      this.focus(step, 0);
    };
    return h("select", { "aria-label": "Channel", onchange: change }, options);
  }

  whenSelect(step) {
    const isTimed = step.minutes !== null;
    const change = ({ target }) => {
      step.minutes = target.value === "after" ? MINUTES : null;
      this.changed();
      this.focus(step, 1);
    };
    return h(
      "select",
      { "aria-label": "When", onchange: change },
      h("option", { value: "at-once", selected: !isTimed }, "immediately"),
      h("option", { value: "after", selected: isTimed }, "after"),
    );
  }

  minutes(step) {
    const input = ({ target }) => {
      step.minutes = Math.min(MOST, Math.max(1, Math.round(Number(target.value)) || 1));
      this.dispatchEvent(new Event("change"));
    };
    const number = { type: "number", min: 1, max: MOST, value: step.minutes, "aria-label": "Minutes", oninput: input };
    return h("span", { class: "plan-minutes" }, h("input", number), " minutes");
  }

  focus(step, place) {
    const row = $("plan-steps").children[this.steps.indexOf(step)];
    row?.querySelectorAll("select")[place]?.focus();
  }
}
