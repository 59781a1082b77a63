// Mailboxes, the mails of one, and the reading pane.

import { ask } from "./api.js";
import { arrows, empty, h, refill, when, words } from "./dom.js";
import { reading } from "./reading.js";

const LIMIT = 200;

export function messages(provider) {
  const boxes = h("div", { className: "rows", onkeydown: arrows });
  const entries = h("div", { className: "rows", onkeydown: arrows });
  const pane = h("section", { className: "pane read", "aria-label": "Mail" }, nothingOpen());
  const title = h("h2", {}, "Mails");
  const filter = h("input", { type: "search", placeholder: "Find a mailbox", "aria-label": "Find a mailbox", oninput: () => drawBoxes() });
  const element = h("div", { className: "desk", "data-depth": "boxes" },
    h("section", { className: "pane boxes", "aria-label": "Mailboxes" },
      h("div", { className: "pane-head" }, h("h2", {}, "Mailboxes"), filter), boxes),
    h("section", { className: "pane list", "aria-label": "Mails" },
      h("div", { className: "pane-head" }, back("boxes", "Mailboxes"), title), entries),
    pane,
  );
  let found = [];
  let address = null;
  let opened = null;

  function back(depth, label) {
    return h("button", { className: "back", type: "button", onclick: () => { element.dataset.depth = depth; } }, `‹ ${label}`);
  }

  async function update() {
    found = (await ask(`/${provider}/mailboxes`)).mailboxes;
    drawBoxes();
    if (address) await drawEntries();
  }

  function drawBoxes() {
    const wanted = filter.value.trim().toLowerCase();
    const shown = found.filter((box) => box.address.includes(wanted));
    const rows = shown.map((box) => row(box.address, box.address === address, () => openBox(box.address),
      h("span", { className: "row-top" },
        h("span", { className: "row-name" }, box.address),
        box.unread ? h("span", { className: "badge", title: `${box.unread} unread` }, String(box.unread)) : null),
      h("span", { className: "row-sub" }, box.latest_subject || "(no subject)"),
    ));
    refill(boxes, rows.length ? list(rows) : empty("No mail yet", wanted ? "No mailbox of that name." : "What the product sends will lie here, one mailbox per address."));
  }

  async function openBox(name) {
    address = name;
    element.dataset.depth = "list";
    drawBoxes();
    await drawEntries();
  }

  async function drawEntries() {
    const box = await ask(`/${provider}/mailboxes/${encodeURIComponent(address)}?limit=${LIMIT}`);
    title.textContent = address;
    refill(entries, list(box.entries.map(entryRow)));
    const current = box.entries.find((entry) => entry.id === opened?.id);
    if (current) opened.refresh(current);
  }

  function entryRow(entry) {
    const theirs = entry.direction === "from them";
    const unread = !theirs && !entry.seen;
    return row(entry.id, entry.id === opened?.id, () => openEntry(entry),
      h("span", { className: "row-top" },
        h("span", { className: unread ? "row-name strong" : "row-name" }, entry.subject || "(no subject)"), when(entry.created_at)),
      h("span", { className: "row-sub" },
        h("span", { className: `status ${theirs ? "reply" : entry.last_event}` }, theirs ? "their reply" : words(entry.last_event)),
        snippet(entry)),
    );
  }

  async function openEntry(entry) {
    element.dataset.depth = "read";
    opened = reading(provider, entry);
    pane.replaceChildren(back("list", "Mails"), opened.element);
    if (entry.direction === "to them" && !entry.seen) {
      await ask(`/${provider}/emails/${entry.id}`, "PATCH", { seen: true });
    }
    await update();
  }

  return { element, update };
}

function list(rows) {
  return h("ul", {}, rows.map((one) => h("li", {}, one)));
}

function row(key, current, open, ...children) {
  return h("button", { className: "row", type: "button", "data-key": key, "aria-current": current ? "true" : null, onclick: open }, ...children);
}

function snippet(entry) {
  const text = entry.text || new DOMParser().parseFromString(entry.html || "", "text/html").body.textContent;
  return h("span", { className: "snippet" }, text.trim().slice(0, 120));
}

function nothingOpen() {
  return empty("Nothing open", "Choose a mailbox, then a mail. You can open, click, bounce, complain or reply as its reader would.");
}
