// What can be done to a phone and with it, beside writing.

import { act } from "./api.js";
import { clock, h } from "./dom.js";

export function hand(phone) {
  return [
    h("section", {}, h("h3", {}, "Phone"),
      toggle(phone, "out_of_reach", "Out of reach", "SMS fails with 30003; WhatsApp waits for the phone to come back."),
      toggle(phone, "not_on_whatsapp", "Not on WhatsApp", "Accepted first, then failed with 131026.")),
    h("section", {}, h("h3", {}, "SMS"), sms(phone)),
    h("section", {}, h("h3", {}, "WhatsApp"), whatsapp(phone)),
  ];
}

function toggle(phone, name, title, explains) {
  const id = `phone-${name}`;
  const input = h("input", { type: "checkbox", role: "switch", id, checked: phone[name], "data-key": id, "aria-describedby": `${id}-explains` });
  input.addEventListener("change", () => send(`${title}: ${input.checked ? "on" : "off"}.`, `/phones/${encodeURIComponent(phone.number)}`, { [name]: input.checked }, "PATCH"));
  return h("div", { className: "switch" },
    h("label", { htmlFor: id }, title), input,
    h("p", { className: "muted", id: `${id}-explains` }, explains));
}

function sms(phone) {
  const out = phone.standing.twilio.opted_out_of;
  const say = (word) => h("button", { type: "button", className: "small", "data-key": word, onclick: () => send(`${word} sent.`, "/twilio/inbound", { from: phone.number, body: word }) }, word);
  return [
    h("p", { className: out.length ? "standing bad" : "standing" }, out.length ? `Has stopped ${out.join(", ")}` : "Gets messages"),
    h("div", { className: "buttons" }, ["STOP", "START", "HELP"].map(say)),
  ];
}

function whatsapp(phone) {
  const { window_closes_at: closes, marketing } = phone.standing.whatsapp;
  const stopped = marketing === "stop";
  const button = (text, path, body) => h("button", { type: "button", className: "small", "data-key": text, onclick: () => send(`${text}: done.`, path, { from: phone.number, ...body }) }, text);
  return [
    h("p", { className: "standing" }, closes ? `Free text until ${clock(closes)}` : "Templates only: the window is closed"),
    h("p", { className: stopped ? "standing bad" : "standing" }, stopped ? "Wants no offers" : "Gets offers"),
    h("div", { className: "buttons" },
      button(closes ? "Close window" : "Open window", "/whatsapp/window", { open: !closes }),
      button(stopped ? "Resume offers" : "Stop offers", "/whatsapp/preferences", { value: stopped ? "resume" : "stop" })),
  ];
}

async function send(done, path, body, method = "POST") {
  await act(done, path, method, body);
  document.dispatchEvent(new Event("sandbox:changed"));
}
