// Pictures and documents of a message, by name only: nothing is loaded before somebody asks for it.

import { h, icon } from "./dom.js";

const NAMES = { image: "Picture", audio: "Voice message", video: "Video" };

export function media(list) {
  return h("ul", { class: "files" }, list.map(file));
}

function file(one) {
  const url = typeof one === "string" ? one : one.url;
  const type = (typeof one === "string" ? "" : one.content_type) ?? "";
  const given = typeof one === "string" ? "" : one.name;
  const name = given || (NAMES[type.split("/")[0]] ?? (type ? "Document" : "File"));
  const kind = type ? h("span", { class: "soft" }, ` ${type.split(";")[0]}`) : null;
  // Meta's are ids of its own, which open nothing in a browser.
  if (!/^https:\/\//.test(url)) return h("li", {}, icon("file"), name, kind, h("span", { class: "soft" }, " · kept at the provider"));
  const link = { href: url, target: "_blank", rel: "noopener noreferrer", referrerpolicy: "no-referrer" };
  return h("li", {}, icon("file"), h("a", link, name), kind);
}
