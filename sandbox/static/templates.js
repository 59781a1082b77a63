// WhatsApp's message templates, and what Meta thinks of them.

import { act, ask } from "./api.js";
import { h } from "./dom.js";

const CHOICES = {
  status: ["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED"],
  quality: ["GREEN", "YELLOW", "RED", "UNKNOWN"],
};

export function templates() {
  const cards = h("div", { className: "cards" });
  const element = h("section", {}, h("h3", {}, "Templates"), cards);

  async function update() {
    if (cards.contains(document.activeElement)) return;
    const { templates: found } = await ask("/whatsapp/templates");
    cards.replaceChildren(...found.map(card));
  }
  return { element, update };
}

function card(one) {
  const body = one.components.find((part) => part.type === "BODY")?.text || "";
  const present = { status: one.status, quality: one.quality_score.score };
  return h("div", { className: one.status === "APPROVED" ? "card" : "card on" },
    h("div", { className: "card-head" }, h("code", {}, one.name), h("span", { className: "muted" }, `${one.category.toLowerCase()} · ${one.language}`)),
    h("p", { className: "muted" }, body),
    h("div", { className: "fields" }, Object.entries(CHOICES).map(([name, choices]) => choice(one, name, choices, present[name]))));
}

function choice(one, name, choices, present) {
  const select = h("select", { id: `${one.id}-${name}` }, choices.map((value) => h("option", { value, selected: value === present }, value)));
  select.addEventListener("change", async () => {
    await act(`${one.name}: ${select.value}.`, `/whatsapp/templates/${one.name}`, "PATCH", { [name]: select.value });
    select.blur();
    document.dispatchEvent(new Event("sandbox:changed"));
  });
  return h("label", { className: "field", htmlFor: select.id }, h("span", {}, name), select);
}
