// What stands around the words of a message: what it answers, what became of it, what it asks for.

import { config } from "./config.js";
import { h, icon } from "./dom.js";
import { full } from "./time.js";

const CONSENT = {
  opt_out: ["Opt-out.", "They asked for no more messages."],
  opt_in: ["Opt-in.", "They asked for messages again."],
  possible_opt_out: ["Possible opt-out.", "It contains a word by which people ask for no more messages."],
};
const QUOTED = 120;

/** What a change of it must draw again. */
export const surroundings = (message) => {
  const { consent, reactions, edits, deleted_at, in_reply_to, is_automatic, content } = message;
  return [consent, reactions, edits, deleted_at, in_reply_to, is_automatic, content];
};

/** The words of the message it answers, above its own. A mail quotes by itself. */
export function quote(message, answered) {
  if (!message.in_reply_to || message.channel === "email") return null;
  const words = answered ? answered.body || answered.subject || "a message without words" : "an earlier message";
  const shown = words.length > QUOTED ? `${words.slice(0, QUOTED)}…` : words;
  return h("p", { class: "bubble-quote" }, shown);
}

/** The place on a map, where it is one. */
export function place(message) {
  const { kind, latitude, longitude } = message.content ?? {};
  if (kind !== "location" || latitude === undefined || longitude === undefined) return null;
  const query = new URLSearchParams({ mlat: latitude, mlon: longitude });
  const link = { href: `https://www.openstreetmap.org/?${query}`, target: "_blank", rel: "noopener noreferrer", referrerpolicy: "no-referrer" };
  return h("p", {}, h("a", link, "Show it on a map"));
}

export function reactions(message) {
  if (!message.reactions?.length) return null;
  return h(
    "ul",
    { class: "bubble-reactions", "aria-label": "Reactions" },
    message.reactions.map(({ emoji, by, at }) => h("li", { title: `${by}, ${full(at)}` }, emoji)),
  );
}

/** Remarks below a message, one paragraph each. */
export function notes(message, contact) {
  const found = [];
  const note = (...content) => found.push(h("p", { class: "bubble-remark" }, ...content));
  if (contact && message.contact && message.contact !== contact.id && message.direction === "inbound") {
    note(`Answered by ${message.contact_name || message.sender}, from ${message.sender}.`);
  }
  if (message.deleted_at) note(`Taken back ${full(message.deleted_at)}.`);
  if (message.is_automatic) note("Written by a machine, like an absence note.");
  if (message.is_echo) note("Written with the app on the telephone.");
  if (message.group) note("Written in a group.");
  if (message.content?.forwarded) note("Passed on from somebody else.");
  if (message.consent) found.push(consent(message));
  if (message.edits?.length) found.push(edits(message));
  return found;
}

function consent(message) {
  const [name, meaning] = CONSENT[message.consent];
  const isOpen = message.consent === "possible_opt_out" && config.admin_message;
  const href = isOpen ? config.admin_message.replace(config.nobody, message.id) : "";
  return h(
    "p",
    { class: "bubble-remark bubble-consent", data: { consent: message.consent } },
    icon("warning"),
    h("strong", {}, name),
    ` ${meaning} `,
    isOpen ? h("a", { href }, "Confirm or dismiss it") : null,
  );
}

function edits({ edits: earlier }) {
  const rows = earlier.map(({ body, at }) => h("li", {}, body || "Without words", h("span", { class: "soft" }, ` until ${full(at)}`)));
  return h("details", { class: "bubble-remark" }, h("summary", {}, "Edited: what it said before"), h("ol", { class: "bubble-edits" }, rows));
}
