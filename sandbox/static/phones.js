// Every phone, and what can be done with one in hand.

import { act, ask } from "./api.js";
import { bubble } from "./bubble.js";
import { arrows, empty, h, refill, when } from "./dom.js";
import { hand } from "./hand.js";

const LIMIT = 300;
const NUMBER = /^\+?[1-9][\d ()-]{6,18}$/;
const CHANNELS = { sms: "SMS", whatsapp: "WhatsApp" };

export function phones(number, opened) {
  const rows = h("div", { className: "rows", onkeydown: arrows });
  const filter = h("input", { type: "search", placeholder: "Find or add a number", "aria-label": "Find or add a number", oninput: () => draw(), onkeydown: (event) => { if (event.key === "Enter" && added()) open(added()); } });
  const pane = h("section", { className: "pane talk", "aria-label": "Phone" }, nothing());
  const element = h("div", { className: "desk phones", "data-depth": number ? "list" : "boxes" },
    h("section", { className: "pane boxes", "aria-label": "Phones" },
      h("div", { className: "pane-head" }, h("h2", {}, "Phones"), filter), rows),
    pane);
  let found = [];
  let phone = null;

  function added() {
    const text = filter.value.trim();
    const plain = `+${text.replace(/\D/g, "")}`;
    return NUMBER.test(text) && !found.some((one) => one.number === plain) ? plain : null;
  }

  function draw() {
    const wanted = filter.value.trim().toLowerCase().replace(/[\s()-]/g, "");
    const shown = found.filter((one) => one.number.toLowerCase().includes(wanted) || one.name.toLowerCase().includes(wanted));
    const extra = added() ? [addRow(added(), open)] : [];
    const all = [...extra, ...shown.map((one) => row(one, one.number === phone?.number, open))];
    refill(rows, all.length ? h("ul", {}, all.map((one) => h("li", {}, one)))
      : empty("No phones yet", wanted ? "No phone of that number." : "Whoever gets a message will be here. Type a number above to write first."));
  }

  async function open(wanted) {
    element.dataset.depth = "list";
    filter.value = "";
    opened(wanted);
    phone = talk(wanted, () => { element.dataset.depth = "boxes"; });
    pane.replaceChildren(...phone.parts);
    draw();
    await phone.update();
    phone.down();
  }

  async function update() {
    found = (await ask("/phones")).phones;
    draw();
    if (phone) await phone.update();
    else if (number) await open(number);
  }

  return { element, update };
}

function addRow(number, open) {
  return h("button", { className: "row", type: "button", "data-key": "new", onclick: () => open(number) },
    h("span", { className: "row-top" }, h("span", { className: "row-name strong" }, number)),
    h("span", { className: "row-sub" }, "Write from this number"));
}

function row(one, current, open) {
  const trouble = one.out_of_reach ? "out of reach" : one.not_on_whatsapp ? "not on WhatsApp" : "";
  return h("button", { className: "row", type: "button", "data-key": one.number, "aria-current": current ? "true" : null, onclick: () => open(one.number) },
    h("span", { className: "row-top" },
      h("span", { className: one.unread ? "row-name strong" : "row-name" }, one.name || one.number),
      one.unread ? h("span", { className: "badge", title: `${one.unread} unread` }, String(one.unread)) : null),
    h("span", { className: "row-sub" },
      trouble ? h("span", { className: "status failed" }, trouble) : null,
      h("span", { className: "snippet" }, one.latest_text || "Nothing yet")),
    h("span", { className: "row-sub marks" }, one.channels.map((name) => mark(name)), one.latest_at ? when(one.latest_at) : null));
}

export function mark(channel) {
  return h("span", { className: `mark-${channel}` }, CHANNELS[channel]);
}

function talk(number, back) {
  const thread = h("ol", { className: "thread", tabIndex: 0, "aria-label": `Messages of ${number}` });
  const side = h("aside", { className: "hand", "aria-label": "This phone" });
  const title = h("h2", {}, number);
  const write = composer(number);
  const readAll = h("button", { type: "button", className: "small", onclick: () => post("Marked as read.", `/phones/${encodeURIComponent(number)}/read`) }, "Mark read");
  const held = h("button", { type: "button", className: "small hold", "aria-expanded": "false", onclick: () => {
    side.classList.toggle("held");
    held.setAttribute("aria-expanded", String(side.classList.contains("held")));
  } }, "Phone");
  const parts = [
    h("header", { className: "talk-head" },
      h("button", { className: "back", type: "button", onclick: back }, "‹ Phones"), title, held, readAll),
    h("div", { className: "talk-body" }, thread, side),
    write.element,
  ];
  const down = () => { thread.scrollTop = thread.scrollHeight; };
  let shown = "";

  async function update() {
    const now = await ask(`/phones/${encodeURIComponent(number)}?limit=${LIMIT}`);
    const fresh = JSON.stringify(now);
    if (fresh === shown) return;
    const bottom = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60;
    shown = fresh;
    readAll.disabled = !now.entries.some((one) => one.direction === "to them" && !one.seen);
    refill(thread, now.entries.length ? now.entries.map((entry) => bubble(entry, number)) : [h("li", {}, empty("Nothing here yet", "Write below as the person who holds this phone."))]);
    refill(side, hand(now));
    write.refresh(now);
    if (bottom) down();
  }

  return { number, parts, update, down };
}

function composer(number) {
  const routes = [
    { key: "sms", label: "SMS", send: (text) => ["/twilio/inbound", { from: number, body: text }] },
    { key: "whatsapp", label: "WhatsApp", send: (text) => ["/whatsapp/inbound", { from: number, type: "text", text }] },
    { key: "twilio-whatsapp", label: "WhatsApp by Twilio", send: (text) => ["/twilio/inbound", { from: `whatsapp:${number}`, body: text }] },
  ];
  const box = h("textarea", { id: "say", rows: 2, required: true, placeholder: "Write as the person who holds this phone" });
  const choose = h("select", { "aria-label": "Send by" }, routes.map((one) => h("option", { value: one.key }, one.label)));
  choose.addEventListener("change", () => { choose.dataset.chosen = "yes"; });
  const submit = async (event) => {
    event.preventDefault();
    const [path, body] = routes.find((one) => one.key === choose.value).send(box.value);
    if (await act("Sent to the product.", path, "POST", body)) box.value = "";
    changed();
  };
  const element = h("form", { className: "say", onsubmit: submit },
    h("label", { className: "unseen", htmlFor: "say" }, `Write as ${number}`), box,
    h("div", { className: "say-foot" }, choose, h("button", { type: "submit", className: "primary" }, "Send")));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      element.requestSubmit();
    }
  });

  // Answers go the way the last message came, until a way is chosen.
  function refresh({ entries }) {
    const last = entries.filter((one) => one.direction === "to them").at(-1);
    if (!last || choose.dataset.chosen) return;
    choose.value = last.channel === "sms" ? "sms" : last.provider === "twilio" ? "twilio-whatsapp" : "whatsapp";
  }
  return { element, refresh };
}

async function post(done, path, body = {}) {
  await act(done, path, "POST", body);
  changed();
}

function nothing() {
  return empty("No phone in hand", "Choose one to read its messages and to answer, tap, read, or lose its signal.");
}

function changed() {
  document.dispatchEvent(new Event("sandbox:changed"));
}
