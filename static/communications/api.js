// The JSON API as promises that fail with sentences.

const token = document.querySelector('meta[name="csrf-token"]').content;

export class Problem extends Error {
  /** `status` 0: no answer, so it is not known whether the request arrived. */
  constructor(status, body) {
    super(sentence(status, body));
    this.status = status;
    this.body = body;
  }

  get isUncertain() {
    return this.status === 0 || this.status >= 500;
  }

  get isSignedOut() {
    return this.status === 401 || this.status === 403;
  }

  /** Field -> sentence, of an answer about fields. */
  get fields() {
    if (this.status !== 400 || typeof this.body !== "object" || !this.body) return {};
    const pairs = Object.entries(this.body).map(([name, said]) => [name, flat(said).join(" ")]);
    return Object.fromEntries(pairs);
  }
}

const flat = (said) =>
  said && typeof said === "object" ? Object.values(said).flatMap(flat) : [String(said)];

function sentence(status, body) {
  if (status === 0) return "The server does not answer.";
  if (body?.detail) return String(body.detail);
  if (body && typeof body === "object") return flat(body).join(" ");
  if (status === 404) return "It is not there any more.";
  return `The server could not do that (error ${status}).`;
}

async function call(method, url, { body, key, signal } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let response;
  let answer = null;
  try {
    const options = { method, headers, signal, credentials: "same-origin" };
    if (body !== undefined) options.body = JSON.stringify(body);
    response = await fetch(url, options);
    const text = await response.text();
    answer = parsed(text);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, null);
  }
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function get(path, query = {}, options = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return call("GET", search.size ? `${path}?${search}` : path, options);
}

export const post = (path, body, options = {}) => call("POST", path, { body, ...options });

/** A cursor link is absolute; behind a proxy its host may be the inner one. */
export function local(link) {
  if (!link) return null;
  const { pathname, search } = new URL(link, location.href);
  return pathname + search;
}
