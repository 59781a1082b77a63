// What was posted to the product, and what the product asked for.

import { act, ask, say } from "./api.js";
import { empty, h, refill, when, words } from "./dom.js";

const LIMIT = 100;
const ADDRESSES = { resend: "RESEND_API_URL at /resend", twilio: "TWILIO_API_URL at /twilio", whatsapp: "WHATSAPP_API_URL at /graph" };
// Meta asks an endpoint for its token before it posts anything.
const CAN_VERIFY = ["whatsapp"];

export function webhooks(provider, tabs) {
  const table = h("div", { className: "table" });
  const target = h("p", { className: "muted" });
  const element = sheet("Webhooks", target, table, tabs, CAN_VERIFY.includes(provider) ? verify(provider) : null);

  async function update(state) {
    const { webhooks: found } = await ask(`/${provider}/webhooks?limit=${LIMIT}`);
    target.textContent = destination(provider, state.settings);
    refill(table, found.length ? rows(["Event", "For", "State", "Attempts", "At", ""], found.map((one) => hookRow(provider, one))) : empty("Nothing posted yet", "Send something and its events will show up here."));
  }
  return { element, update };
}

function destination(provider, settings) {
  if (!("webhook_url" in settings)) return "Posted to whoever has subscribed.";
  return settings.webhook_url ? `Posted to ${settings.webhook_url}` : `There is no endpoint: start the sandbox with --${provider}-webhook-url.`;
}

function hookRow(provider, one) {
  const replay = async () => {
    await act("Posted again.", `/${provider}/webhooks/${one.id}/replay`, "POST");
    document.dispatchEvent(new Event("sandbox:changed"));
  };
  return [
    h("code", {}, one.type),
    h("span", { className: "whom" }, one.whom),
    h("span", { className: `status ${one.state.replaceAll(" ", "-")}` }, words(one.state)),
    h("span", { className: "codes" }, one.attempts.map(attempt)),
    when(one.created_at),
    h("button", { type: "button", className: "small", "data-key": one.id, "aria-label": `Replay ${one.type}`, onclick: replay }, "Replay"),
  ];
}

function attempt(one) {
  const good = one.status >= 200 && one.status < 300;
  const text = `${one.status ?? "no answer"}${one.forged ? " forged" : ""}`;
  return h("span", { className: `code ${good ? "good" : "bad"}`, title: `${one.milliseconds} ms ${one.error}` }, text);
}

function verify(provider) {
  const shake = async () => {
    try {
      const report = await ask(`/${provider}/verify`, "POST", {});
      say(`${report.verified ? "Verified" : "Not verified"}: ${report.detail} (${report.status ?? "no answer"})`, !report.verified);
    } catch (error) {
      say(error.message, true);
    }
  };
  return h("button", { type: "button", onclick: shake }, "Verify endpoint");
}

export function requests(provider, tabs) {
  const table = h("div", { className: "table" });
  const note = h("p", { className: "muted" }, "What the product has asked of the provider, newest first.");
  const element = sheet("Requests", note, table, tabs);

  async function update() {
    const { requests: found } = await ask(`/${provider}/requests?limit=${LIMIT}`);
    refill(table, found.length ? requestTable(found) : empty("No requests yet", `Point the product's ${ADDRESSES[provider]}.`));
  }
  return { element, update };
}

// Only some providers know keys.
function requestTable(found) {
  const keyed = found.some((one) => one.idempotency_key);
  const titles = ["Request", "Answer", "Faults", ...(keyed ? ["Idempotency key"] : []), "At"];
  return rows(titles, found.map((one) => requestRow(one, keyed)));
}

function requestRow(one, keyed) {
  const good = one.status !== null && one.status < 400;
  return [
    h("code", {}, `${one.method} ${one.path}`),
    h("span", { className: `code ${good ? "good" : "bad"}` }, one.status === null ? "cut" : String(one.status), ` · ${Math.round(one.milliseconds)} ms`),
    h("span", {}, one.faults.map(words).join(", ")),
    ...(keyed ? [h("code", { className: "muted" }, one.idempotency_key || "")] : []),
    when(one.at),
  ];
}

function rows(titles, found) {
  return h("table", {},
    h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col" }, title || h("span", { className: "unseen" }, "Actions"))))),
    h("tbody", {}, found.map((cells) => h("tr", {}, cells.map((cell, place) => h("td", { "data-title": titles[place] }, cell))))));
}

function sheet(title, note, table, tabs, action = null) {
  const id = `${title.toLowerCase()}-title`;
  return h("section", { className: "sheet", "aria-labelledby": id }, tabs,
    h("div", { className: "sheet-head" }, h("div", {}, h("h2", { id }, title), note), action), table);
}
