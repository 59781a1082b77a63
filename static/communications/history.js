// What happened to a message: its attempts and its timeline.

import { h, icon } from "./dom.js";
import { ago, full, hour } from "./time.js";
import { channel, kind, source, status } from "./words.js";

export function attempts(list) {
  return h("ol", { class: "attempts" }, list.map(attempt));
}

function attempt(one) {
  const took = one.finished_at && new Date(one.finished_at) - new Date(one.started_at);
  const when = `${full(one.started_at)}${took ? `, took ${Math.max(1, Math.round(took))} ms` : ""}`;
  return h(
    "li",
    {},
    h(
      "p",
      { class: "attempt-head" },
      h("span", { class: "attempt-name" }, `${one.number}.`, icon(one.channel, channel(one.channel)), one.provider),
      h("span", { class: "badge", data: { status: one.status } }, status(one.status)),
    ),
    h("p", { class: "attempt-to" }, `${channel(one.channel)} to ${one.to}`),
    one.error ? h("p", { class: "attempt-error" }, one.error) : null,
    h("p", { class: "small" }, when),
    one.provider_id ? h("p", { class: "small" }, h("code", {}, one.provider_id)) : null,
  );
}

export function timeline(events) {
  return h("ol", { class: "timeline" }, events.map(event));
}

function event(one) {
  const moved = one.changed ? one.message_status : "";
  const facts = [source(one.source), one.provider, one.attempt && `attempt ${one.attempt}`];
  return h(
    "li",
    { data: { status: moved, changed: String(one.changed) } },
    h(
      "p",
      { class: "event-head" },
      h("span", {}, kind(one.kind)),
      h(
        "time",
        { datetime: one.occurred_at, "aria-label": `${full(one.occurred_at)}, ${ago(one.occurred_at)}` },
        hour(one.occurred_at),
      ),
    ),
    one.detail ? h("p", { class: "event-detail" }, one.detail) : null,
    h("p", { class: "small" }, facts.filter(Boolean).join(" · ")),
  );
}

/** Why it took another way: each turn says it. */
export function reasons(events) {
  const turns = events.filter(({ kind, detail }) => kind === "failover" && detail);
  return h("ul", { class: "reasons" }, turns.map(({ detail }) => h("li", {}, detail)));
}
