// One message as a line of the stream.

import { h, icon } from "./dom.js";
import { people } from "./people.js";
import { time } from "./time.js";
import { config } from "./config.js";
import { channel, detour, explanation, standing, title } from "./words.js";

const MARKS = [
  ["opened_at", "opened", "Opened"],
  ["clicked_at", "clicked", "Link clicked"],
  ["complained_at", "complained", "Marked as spam"],
];

export const isInbound = (message) => message.direction === "inbound";
export const address = (message) => (isInbound(message) ? message.sender : message.to) ?? "";
export const who = (message) =>
  people.name(message.contact) || address(message) || "Somebody";

export function badge(message) {
  const kind = isInbound(message) ? "received" : message.status;
  const hint = isInbound(message) ? null : explanation(message.status) || null;
  return h("span", { class: "badge", data: { status: kind }, title: hint }, standing(message));
}

export function marks(message) {
  const set = MARKS.filter(([stamp]) => message[stamp]);
  if (detour(message)) set.unshift(["", "detour", capital(detour(message))]);
  return h(
    "span",
    { class: "marks" },
    set.map(([, name, label]) => h("span", { class: `mark-${name}`, title: label }, icon(name, label))),
  );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The page on which everything with this person is. */
export const conversation = (contact) => `${config.conversations}${contact}/`;

export function createRow(message, open) {
  const button = h("button", {
    class: "row",
    type: "button",
    "aria-haspopup": "dialog",
    onclick: () => open(message.id),
  });
  const item = h("li", { data: { id: message.id } }, button);
  updateRow(item, message);
  return item;
}

/** Returns whether the status is another one than before. */
export function updateRow(item, message) {
  const look = signature(message);
  if (item.look === look) return false;
  const changed = item.dataset.status !== undefined && item.dataset.status !== message.status;
  item.look = look;
  item.dataset.status = message.status;
  item.dataset.direction = message.direction;
  item.firstChild.replaceChildren(...cells(message));
  while (item.children.length > 1) item.lastChild.remove();
  if (message.contact) item.append(thread(message));
  return changed;
}

function signature(message) {
  const { provider, contact, opened_at, clicked_at, complained_at } = message;
  const seen = [who(message), address(message), standing(message), provider, contact];
  seen.push(title(message), detour(message));
  return JSON.stringify([...seen, !!opened_at, !!clicked_at, !!complained_at]);
}

function thread(message) {
  const name = `Conversation with ${who(message)}`;
  return h("a", { class: "row-thread", href: conversation(message.contact), title: name }, icon("thread", name));
}

function cells(message) {
  const way = message.went_by ?? message.channel;
  const name = who(message);
  const detail = address(message);
  return [
    h("span", { class: "row-icon" }, icon(way, channel(way))),
    h(
      "span",
      { class: "row-text" },
      h(
        "span",
        { class: "row-who" },
        isInbound(message) ? h("span", { class: "from" }, icon("inbound"), "From ") : null,
        h("span", { class: "row-name" }, name),
        name === detail ? null : h("span", { class: "row-address" }, detail),
      ),
      h("span", { class: "row-subject" }, title(message)),
    ),
    h("span", { class: "row-provider" }, message.provider ?? ""),
    h("span", { class: "row-status" }, badge(message), marks(message)),
    h("span", { class: "row-time" }, time(message.created_at)),
  ];
}
