// One message in a thread. What its network says about it can be changed.

import { act } from "./api.js";
import { h, when, words } from "./dom.js";

const STATUSES = {
  twilio: ["queued", "sending", "sent", "delivered", "undelivered", "failed", "read"],
  whatsapp: ["sent", "delivered", "read", "failed"],
};
const USUAL_CODES = { twilio: 30008, whatsapp: 131000 };
const MARKS = { "twilio sms": "SMS", "twilio whatsapp": "WhatsApp by Twilio", "whatsapp whatsapp": "WhatsApp" };
// Stays open over the next look at the thread.
let opened = null;

export function bubble(entry, number) {
  const { message, provider } = entry;
  const id = message.sid || message.id;
  const theirs = entry.direction === "from them";
  const line = [
    h("span", { className: `mark-${entry.channel}` }, MARKS[`${provider} ${entry.channel}`]),
    message.type && message.type !== "text" ? h("span", {}, message.type) : null,
    when(entry.at),
    theirs ? null : h("span", { className: `status ${message.status}` }, words(message.status), message.error_code ? ` ${message.error_code}` : ""),
  ];
  const more = theirs ? null : fate(provider, id, message);
  return h("li", { className: `bubble ${theirs ? "mine" : "yours"}${entry.seen ? "" : " unread"}` },
    h("div", { className: `balloon ${entry.channel}` }, h("p", {}, entry.text || "(empty)"), media(message)),
    theirs ? null : taps(message, number, id),
    h("div", { className: "bubble-line" }, line, more));
}

function media(message) {
  const files = message.media || [];
  return files.length ? h("ul", { className: "files" }, files.map((file) => h("li", {}, file.content_type, " ", h("span", { className: "muted" }, file.url)))) : null;
}

function taps(message, number, id) {
  if (!message.buttons?.length) return null;
  const tap = (text, place) => () => send("Tapped.", "/whatsapp/inbound", message.type === "interactive"
    ? { from: number, reply_to: id, type: "interactive", interactive: { type: "button_reply", button_reply: { id: message.request.interactive.action.buttons[place].reply.id, title: text } } }
    : { from: number, reply_to: id, type: "button", button: { text, payload: text } });
  return h("div", { className: "taps" }, message.buttons.map((text, place) =>
    h("button", { type: "button", className: "small", "data-key": `${id} ${place}`, onclick: tap(text, place) }, text)));
}

function fate(provider, id, message) {
  const status = h("select", { "aria-label": "Status", "data-key": `${id} status` }, STATUSES[provider].map((one) => h("option", { value: one, selected: one === message.status }, one)));
  const code = h("input", { type: "number", placeholder: String(USUAL_CODES[provider]), "aria-label": "Error code", title: "Error code, for failed", "data-key": `${id} code` });
  const submit = (event) => {
    event.preventDefault();
    const failed = ["failed", "undelivered"].includes(status.value);
    send(`The product is told: ${status.value}.`, `/${provider}/messages/${id}/events`, {
      type: status.value,
      error_code: failed && code.value ? Number(code.value) : null,
    });
  };
  const details = h("details", { className: "fate", open: opened === id },
    h("summary", { "data-key": `${id} fate` }, "Change"),
    h("form", { onsubmit: submit }, status, code, h("button", { type: "submit", className: "small" }, "Tell the product")));
  details.addEventListener("toggle", () => {
    if (details.open) opened = id;
    else if (opened === id) opened = null;
  });
  return details;
}

async function send(done, path, body) {
  await act(done, path, "POST", body);
  document.dispatchEvent(new Event("sandbox:changed"));
}
