import { config } from "./config.js";

const labels = (choices) => Object.fromEntries(choices.map(({ value, label }) => [value, label]));
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const CHANNELS = labels(config.channels);
export const STATUSES = labels(config.statuses);

export const channel = (value) => capital(CHANNELS[value] ?? value);
export const status = (value) => STATUSES[value] ?? capital(value);

/** What a badge says: an inbound message is not "delivered" to anybody, and one for next week does
 * not wait for anything. */
export function standing(message) {
  if (message.direction === "inbound") return message.is_automatic ? "Automatic" : "Received";
  const isAhead = message.status === "queued" && Date.parse(message.send_at) > Date.now();
  return isAhead ? "Scheduled" : status(message.status);
}

/** What a status means that does not speak for itself; blank for the others. */
export const explanation = (value) => EXPLANATIONS[value] ?? "";

const EXPLANATIONS = {
  unknown:
    "The provider’s answer was lost, so it may or may not have been sent. That is being found out; meanwhile it is not sent again, so that it cannot arrive twice.",
  suppressed: "It was not sent, because it may not go there.",
  expired: "It was not sent in time.",
};

const KINDS = {
  accepted: "Accepted by the provider",
  sent: "Sent",
  delayed: "Delayed; the provider keeps trying",
  delivered: "Delivered",
  bounced: "Bounced",
  failed: "Failed",
  opened: "Opened",
  clicked: "Link clicked",
  complained: "Marked as spam",
  read: "Read",
  received: "Received",
  edited: "Edited by who wrote it",
  deleted: "Taken back by who wrote it",
  reacted: "Answered with an emoji",
  other: "Another notice",
  composed: "Composed",
  attempted: "Handed to the provider",
  unanswered: "No answer; being found out",
  retry: "To be tried again",
  held: "Waits for quiet hours to end",
  failover: "Moved to the next provider",
  given_up: "Given up",
  suppressed: "Not sent: the address is closed",
  cancelled: "Cancelled",
  expired: "Expired unsent",
  retried: "Tried again by staff",
};
export const kind = (value) => KINDS[value] ?? capital(value.replaceAll("_", " "));

const SOURCES = {
  response: "provider’s answer",
  webhook: "webhook",
  poll: "asked for",
  system: "WedSync",
};
export const source = (value) => SOURCES[value] ?? value;

const SNIPPET = 140;
const firstLine = (text) => text?.trim().split(/\s*\n/)[0].slice(0, SNIPPET) ?? "";

/** What is on its envelope; an SMS has none, so it is how it begins. */
export function title(message) {
  if (message.subject) return message.subject;
  if (message.channel === "email") return `${channel(message.channel)} without a subject`;
  if (firstLine(message.body)) return firstLine(message.body);
  return message.media?.length ? "A picture or a document" : `${channel(message.channel)} message`;
}

/** "by SMS instead of WhatsApp"; blank where it went the way it was meant to. */
export const detour = (message) =>
  message.went_by && message.went_by !== message.channel
    ? `by ${channel(message.went_by)} instead of ${channel(message.channel)}`
    : "";
