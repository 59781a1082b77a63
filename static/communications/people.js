// Who is behind a contact id.

import { get } from "./api.js";

const AT_ONCE = 200;
const PARALLEL = 4;

class People extends EventTarget {
  constructor() {
    super();
    this.names = new Map();
    this.addresses = new Map();
    this.wanted = new Set();
    this.working = 0;
  }

  name(id) {
    return this.names.get(id) ?? "";
  }

  learn(contacts) {
    for (const { id, name, addresses } of contacts) {
      this.names.set(id, name);
      this.addresses.set(id, addresses);
    }
  }

  /** The channels on which a contact has an address; null while that is not known. */
  channels(id) {
    const known = this.addresses.get(id);
    return known ? [...new Set(known.map(({ channel }) => channel))] : null;
  }

  async loadNewest() {
    this.learn((await get("/api/contacts/", { page_size: AT_ONCE })).results);
    this.dispatchEvent(new Event("change"));
  }

  /** Asks for those that are not known yet, a few at a time. */
  want(ids) {
    for (const id of ids) if (id && !this.names.has(id)) this.wanted.add(id);
    while (this.wanted.size && this.working < PARALLEL) this.fetchOne();
  }

  async fetchOne() {
    const [id] = this.wanted;
    this.wanted.delete(id);
    // Also where it fails: a name is a nicety, and must not be asked for again and again.
    this.names.set(id, "");
    this.working += 1;
    try {
      this.learn([await get(`/api/contacts/${id}/`)]);
      this.dispatchEvent(new Event("change"));
    } catch {
      // The address is shown instead.
    } finally {
      this.working -= 1;
      this.want([]);
    }
  }

  async search(text, signal) {
    const field = text.includes("@") ? "address" : "name";
    const { results } = await get("/api/contacts/", { [field]: text, page_size: 8 }, { signal });
    this.learn(results);
    return results;
  }
}

export const people = new People();
