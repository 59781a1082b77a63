// What can be made to go wrong. The sandbox describes its faults; this draws them for any provider.

import { act, ask } from "./api.js";
import { h, words } from "./dom.js";
import { templates } from "./templates.js";

// What else of a provider can turn against its user.
const MORE = { whatsapp: templates };
// The whole provider, at one click.
const POWER = [
  ["Working", { status: null, drop_connection: null }],
  ["Answers 500", { status: { status: 500, mode: "before" }, drop_connection: null }],
  ["No answer", { status: null, drop_connection: { mode: "before" } }],
];

export function faults(provider, tabs) {
  const more = MORE[provider]?.();
  const power = h("div", { className: "segments", role: "group", "aria-label": "The whole provider" });
  const groups = h("div", { className: "groups" });
  const element = h("section", { className: "sheet", "aria-labelledby": "faults-title" }, tabs,
    h("div", { className: "sheet-head" },
      h("div", {}, h("h2", { id: "faults-title" }, "Faults"),
        h("p", { className: "muted" }, "Make the provider misbehave and watch the product cope. Faults add up.")),
      h("div", { className: "power" }, power,
        h("button", { type: "button", onclick: () => change("All faults are off.", "DELETE") }, "Switch all off"))),
    groups);
  let cards = null;

  async function change(done, method, body) {
    if (await act(done, `/${provider}/faults`, method, body)) {
      document.dispatchEvent(new Event("sandbox:changed"));
    }
  }

  async function update() {
    const { faults: on, available } = await ask(`/${provider}/faults`);
    if (!cards) {
      cards = available.map((kind) => card(kind, change));
      const hooks = (one) => one.name.startsWith("webhook_");
      groups.replaceChildren(
        group("Answers", cards.filter((one) => !hooks(one))),
        group("Webhooks", cards.filter(hooks)),
        ...(more ? [more.element] : []));
    }
    drawPower(on);
    await more?.update();
    cards.forEach((one) => one.refresh(on[one.name]));
  }

  function drawPower(on) {
    const cut = on.drop_connection?.mode === "before";
    const present = cut ? "No answer" : on.status?.mode === "before" && on.status.status >= 500 ? "Answers 500" : "Working";
    const key = document.activeElement?.dataset?.key;
    power.replaceChildren(...POWER.map(([name, wanted]) => h("button", {
      type: "button", "data-key": `power ${name}`, "aria-pressed": String(name === present),
      onclick: () => change(`${name}.`, "PATCH", wanted),
    }, name)));
    if (key?.startsWith("power")) power.querySelector(`[data-key="${key}"]`)?.focus();
  }

  return { element, update };
}

function group(title, cards) {
  return h("section", {}, h("h3", {}, title), h("div", { className: "cards" }, cards.map((one) => one.element)));
}

function card(kind, change) {
  const inputs = Object.entries(kind.fields).map(([name, value]) => field(kind, name, value));
  const count = h("input", { type: "number", min: 1, placeholder: "always", id: `${kind.name}-count` });
  const toggle = h("input", { type: "checkbox", role: "switch", id: kind.name, "aria-describedby": `${kind.name}-explains` });
  const state = h("p", { className: "fault-state" });
  const element = h("div", { className: "card" },
    h("div", { className: "card-head" }, h("label", { htmlFor: kind.name }, kind.title), toggle),
    h("p", { className: "muted", id: `${kind.name}-explains` }, kind.explains),
    h("div", { className: "fields" }, inputs.map((one) => one.element),
      labelled("times", count)),
    state);

  // What the page has no field for (chance, only) stays as a test has set it.
  let present = {};
  function options() {
    const own = Object.fromEntries(inputs.map((one) => [one.name, one.read()]));
    return { ...present, ...own, count: count.value ? Number(count.value) : null };
  }
  const put = () => change(`${kind.title}: ${toggle.checked ? "on" : "off"}.`, "PATCH", { [kind.name]: toggle.checked ? options() : null });
  toggle.addEventListener("change", put);
  [...inputs.map((one) => one.input), count].forEach((input) => input.addEventListener("change", () => { if (toggle.checked) put(); }));

  function refresh(active) {
    present = active || {};
    toggle.checked = Boolean(active);
    element.classList.toggle("on", Boolean(active));
    state.textContent = active ? describe(active) : "";
    if (!active || element.contains(document.activeElement)) return;
    inputs.forEach((one) => one.write(active[one.name]));
    count.value = active.count ?? "";
  }
  return { name: kind.name, element, refresh };
}

function describe(active) {
  const left = active.count === null ? "On until switched off" : `On, ${active.count} more ${active.count === 1 ? "time" : "times"}`;
  const chance = active.chance < 1 ? `, strikes ${Math.round(active.chance * 100)} % of the time` : "";
  const only = active.only.length ? `, only ${active.only.join(", ")}` : "";
  return `${left}${chance}${only}.`;
}

function field(kind, name, usual) {
  const id = `${kind.name}-${name}`;
  const number = typeof usual === "number";
  const choices = kind.choices[name];
  const input = choices
    ? h("select", { id }, choices.map((choice) => h("option", { value: choice }, choice)))
    : h("input", { id, type: number ? "number" : "text", step: "any", value: usual, placeholder: number ? "" : "usual" });
  return {
    name,
    input,
    element: labelled(name, input),
    read: () => (number ? Number(input.value) : input.value),
    write: (value) => { input.value = value; },
  };
}

function labelled(name, input) {
  return h("label", { className: "field", htmlFor: input.id }, h("span", {}, words(name)), input);
}
