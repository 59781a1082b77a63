// One message of a conversation.

import { get } from "./api.js";
import { notes, place, quote, reactions, surroundings } from "./around.js";
import { isAwaited } from "./awaited.js";
import { config } from "./config.js";
import { h, icon } from "./dom.js";
import { reasons } from "./history.js";
import { media } from "./media.js";
import { badge, isInbound, marks } from "./row.js";
import { clock, full } from "./time.js";
import { channel, detour, explanation } from "./words.js";

// Longer mails are folded.
const LONG = 900;

export function createBubble(message, answered) {
  const item = h("li", { class: "bubble-row", data: { id: message.id } });
  updateBubble(item, message, answered);
  return item;
}

/** `answered` is the message that it answers, where that is known here. */
export function updateBubble(item, message, answered) {
  const look = signature(message, answered);
  if (item.look === look) return;
  const isChange = item.look !== undefined;
  item.look = look;
  item.dataset.direction = message.direction;
  item.dataset.channel = message.went_by ?? message.channel;
  item.dataset.status = isInbound(message) ? "received" : message.status;
  if (message.deleted_at) item.dataset.deleted = "";
  const opened = item.querySelector("details.folded")?.open ?? false;
  item.replaceChildren(...parts(message, opened, answered));
  if (isChange) item.dataset.fresh = "changed";
  if (item.whyOpen) item.querySelector(".why")?.click();
}

function signature(message, answered) {
  const { status, went_by, body, html, media: files, error, send_at } = message;
  const { opened_at, clicked_at, complained_at } = message;
  const flags = [opened_at, clicked_at, complained_at].map(Boolean);
  const said = [status, went_by, body, Boolean(html), files, error, send_at, ...flags];
  return JSON.stringify([...said, ...surroundings(message), answered?.body]);
}

function parts(message, opened, answered) {
  return [
    h(
      "article",
      { class: "bubble" },
      quote(message, answered),
      message.subject ? h("p", { class: "bubble-subject" }, message.subject) : null,
      ...text(message, opened),
      message.media?.length ? media(message.media) : null,
      place(message),
    ),
    reactions(message),
    foot(message),
    ...remarks(message),
    ...notes(message, config.contact),
  ].filter(Boolean);
}

function text(message, opened) {
  const { body, html } = message;
  if (!body) return [h("p", { class: "bubble-blank" }, ...wordless(message, html))];
  const element = h("div", { class: "bubble-text" }, body);
  if (body.length <= LONG) return [element];
  const more = h("summary", {}, "The whole text");
  return [h("details", { class: "folded", open: opened }, more, element)];
}

function wordless(message, html) {
  if (html) return [h("a", { href: page(message) }, "A mail with pictures and layout: look at it")];
  if (isAwaited(message)) return ["The text is being fetched from the provider…"];
  return message.media?.length ? [] : ["Without a text."];
}

const page = (message) => `/#message=${message.id}`;

function foot(message) {
  const way = message.went_by ?? message.channel;
  const provider = message.provider ? ` through ${message.provider}` : "";
  return h(
    "p",
    { class: "bubble-foot" },
    h("span", { class: "bubble-way", title: `${channel(way)}${provider}` }, icon(way), channel(way)),
    isInbound(message) ? null : badge(message),
    marks({ ...message, went_by: null }),
    h("a", { class: "bubble-time", href: page(message), title: `${full(message.created_at)}: details` }, clock(message.created_at)),
  );
}

function remarks(message) {
  if (isInbound(message)) return [];
  const found = [];
  if (detour(message)) found.push(...why(message));
  if (message.error) found.push(h("p", { class: "bubble-remark", data: { tone: "bad" } }, message.error));
  const meaning = message.status === "unknown" ? explanation("unknown") : "";
  if (meaning) found.push(h("p", { class: "bubble-remark" }, meaning));
  return found;
}

/** The reasons are fetched when somebody asks. */
function why(message) {
  const answer = h("div", { class: "bubble-remark", hidden: true });
  const button = h(
    "button",
    { type: "button", class: "link why", "aria-expanded": "false", onclick: ({ currentTarget }) => toggle(currentTarget, answer, message) },
    "Why?",
  );
  const said = detour(message);
  return [
    h("p", { class: "bubble-detour" }, icon("detour"), `${said.charAt(0).toUpperCase()}${said.slice(1)} `, button),
    answer,
  ];
}

async function toggle(button, answer, message) {
  const isOpen = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", String(isOpen));
  button.closest(".bubble-row").whyOpen = isOpen;
  answer.hidden = !isOpen;
  if (!isOpen || answer.firstChild) return;
  answer.textContent = "Loading…";
  try {
    answer.replaceChildren(reasons(await get(`/api/messages/${message.id}/events/`)));
  } catch (error) {
    answer.textContent = error.message;
  }
  button.closest(".bubble-row").scrollIntoView({ block: "nearest", behavior: "smooth" });
}
