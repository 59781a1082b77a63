// Other people's HTML: in a frame without scripts, without origin and without the network.

import { h } from "./dom.js";

const policy = (images) =>
  `default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src ${images}; form-action 'none'`;
const STYLE =
  "html{background:#fff;color:#222;color-scheme:light}body{margin:16px;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}img{max-width:100%;height:auto}";

/** `remote` lets images load: a sender learns from them that a message was opened. */
export function htmlFrame(html, { title, remote = false }) {
  const frame = h("iframe", { class: "html-frame", sandbox: "", title, loading: "lazy" });
  frame.srcdoc = documentOf(html, remote);
  return frame;
}

export const documentOf = (html, remote) =>
  `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy(
    remote ? "data: https: http:" : "data:",
  )}"><base target="_blank"><style>${STYLE}</style>${html}`;
