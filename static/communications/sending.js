// Sends what was composed: one request per recipient, each at most once.

import { Problem, post } from "./api.js";

const PARALLEL = 4;
const WAITS = [800, 2_500];

export class Outbox {
  constructor() {
    // Request -> its key, until it is known what became of it.
    this.keys = new Map();
  }

  /** The message. Asked again for the same request after a lost answer, it is not sent twice. */
  async send(request) {
    const content = JSON.stringify(request);
    const key = this.keys.get(content) ?? unique();
    this.keys.set(content, key);
    try {
      const message = await patiently(() => post("/api/messages/", request, { key }));
      this.keys.delete(content);
      return message;
    } catch (problem) {
      if (problem instanceof Problem && !problem.isUncertain) this.keys.delete(content);
      throw problem;
    }
  }
}

async function patiently(work) {
  for (const wait of WAITS) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof Problem && problem.isUncertain)) throw problem;
      await new Promise((resume) => setTimeout(resume, wait));
    }
  }
  return work();
}

export async function inParallel(items, work) {
  const rest = [...items];
  const worker = async () => {
    while (rest.length) await work(rest.shift());
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}

function unique() {
  // Only there over HTTPS and on this machine; in a local network there is no TLS.
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
