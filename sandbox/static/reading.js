// One mail, and what its reader may do with it.

import { act, ask } from "./api.js";
import { clock, h, when, words } from "./dom.js";

const ACTIONS = [
  ["opened", "Mark opened", "Told the sender: opened."],
  ["clicked", "Click a link", "Told the sender: clicked."],
  ["delivered", "Deliver", "Told the sender: delivered."],
  ["delivery_delayed", "Delay", "Told the sender: delayed."],
  ["bounced", "Bounce", "Told the sender: bounced."],
  ["complained", "Complain", "Told the sender: marked as spam."],
];

export function reading(provider, entry) {
  const sent = entry.direction === "to them";
  const trail = h("ol", { className: "trail", "aria-label": "What has happened" });
  const element = h("article", {},
    h("header", { className: "mail-head" },
      h("h2", { className: "subject" }, entry.subject || "(no subject)"),
      facts(entry),
      sent ? trail : null),
    sent ? actions(provider, entry) : null,
    bodies(provider, entry),
    attachments(entry),
    sent ? reply(provider, entry) : null,
  );
  const refresh = (now) => trail.replaceChildren(...now.events.map(step));
  if (sent) refresh(entry);
  return { id: entry.id, element, refresh };
}

function step(event) {
  return h("li", {}, h("span", { className: `status ${event.type}` }, words(event.type)), " ", h("time", { dateTime: event.at }, clock(event.at)));
}

function facts(entry) {
  const pairs = [["From", entry.from], ["To", entry.to.join(", ")], ["Cc", (entry.cc || []).join(", ")], ["Bcc", (entry.bcc || []).join(", ")], ["Reply to", (entry.reply_to || []).join(", ")]];
  return h("dl", { className: "facts" },
    pairs.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    h("dt", {}, "At"), h("dd", {}, when(entry.created_at)));
}

function actions(provider, entry) {
  return h("div", { className: "actions", role: "group", "aria-label": "As the reader" },
    ACTIONS.map(([type, label, done]) => h("button", { type: "button", className: `action ${type}`, onclick: async () => {
      await act(done, `/${provider}/emails/${entry.id}/events`, "POST", { type });
      changed();
    } }, label)));
}

function bodies(provider, entry) {
  const parts = {
    ...(entry.html ? { HTML: () => frame(entry.html) } : {}),
    ...(entry.text ? { Text: () => h("pre", { className: "plain" }, entry.text) } : {}),
    Headers: () => h("pre", { className: "source" }, lines(entry.headers)),
    Source: () => source(provider, entry),
  };
  const body = h("div", { className: "body" });
  const buttons = Object.keys(parts).map((name) => h("button", { type: "button", "aria-pressed": "false", onclick: () => open(name) }, name));
  function open(name) {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === name)));
    body.replaceChildren(parts[name]());
  }
  open(Object.keys(parts)[0]);
  return h("section", { "aria-label": "Contents" }, h("div", { className: "segments", role: "group", "aria-label": "Show" }, buttons), body);
}

// No script, no form, no navigation, no origin: whatever the mail contains stays in there.
function frame(html) {
  return h("iframe", { title: "The mail as HTML", sandbox: "", srcdoc: html, referrerPolicy: "no-referrer" });
}

function source(provider, entry) {
  const shown = h("pre", { className: "source", tabIndex: 0 }, JSON.stringify(entry, null, 2));
  if (entry.direction === "to them") {
    ask(`/${provider}/emails/${entry.id}`).then((full) => { shown.textContent = JSON.stringify(full, null, 2); });
  }
  return shown;
}

function lines(headers) {
  const all = Object.entries(headers || {});
  return all.length ? all.map(([name, value]) => `${name}: ${value}`).join("\n") : "No headers of its own.";
}

function attachments(entry) {
  const files = entry.attachments || [];
  return files.length ? h("ul", { className: "files", "aria-label": "Attachments" },
    files.map((file) => h("li", {}, file.filename || "file", " ", h("span", { className: "muted" }, file.content_type)))) : null;
}

function reply(provider, entry) {
  const box = h("textarea", { id: "reply", rows: 3, required: true, placeholder: "Answer as the reader" });
  const send = async (event) => {
    event.preventDefault();
    const done = await act("Reply sent to the product.", `/${provider}/emails/${entry.id}/reply`, "POST", { text: box.value });
    if (done) box.value = "";
    changed();
  };
  return h("form", { className: "reply", onsubmit: send },
    h("label", { htmlFor: "reply" }, `Reply as ${entry.to[0]}`), box, h("button", { type: "submit", className: "primary" }, "Send reply"));
}

function changed() {
  document.dispatchEvent(new Event("sandbox:changed"));
}
