// The messages we know, and what the stream says about them. No DOM here.

const REMEMBERED = 5_000;
// These begin a message; any other event belongs to one that exists already.
const BEGINNINGS = new Set(["composed", "received"]);
const MARKS = { opened: "opened_at", clicked: "clicked_at", complained: "complained_at" };

export class Store extends EventTarget {
  constructor() {
    super();
    this.forget();
  }

  /** Before a reload from scratch: event ids may start again. */
  forget() {
    this.messages = new Map();
    this.newest = new Map();
    this.arrivals = 0;
  }

  get(id) {
    return this.messages.get(id);
  }

  /** Ends in the same state for any order and any repetition of the same frames. */
  apply(frames) {
    const touched = new Set();
    let isIncomplete = false;
    for (const frame of frames) {
      this.arrivals += 1;
      const known = this.messages.get(frame.message) ?? this.begin(frame);
      if (known) this.mark(known, frame);
      const isNews = this.remember(frame);
      if (known && isNews) this.overlay(known, frame);
      if (known) touched.add(frame.message);
      // By which channel it goes on from there is not in the frame.
      if (!known || known.isPartial || frame.event === "failover") isIncomplete = true;
    }
    if (touched.size || isIncomplete) this.tell(touched, { isIncomplete });
  }

  begin(frame) {
    if (!BEGINNINGS.has(frame.event)) return null;
    const { message: id, direction, channel, to, subject, status, provider, at } = frame;
    const started = { id, direction, channel, to, subject, status, provider };
    this.messages.set(id, { ...started, contact: null, created_at: at, isPartial: true });
    return this.messages.get(id);
  }

  mark(message, frame) {
    const stamp = MARKS[frame.event];
    if (stamp) message[stamp] ??= frame.at;
  }

  /** Whether the frame is newer than everything heard about its message. */
  remember(frame) {
    const before = this.newest.get(frame.message);
    if (before && before.frame.id >= frame.id) return false;
    this.newest.delete(frame.message);
    this.newest.set(frame.message, { frame, arrival: this.arrivals });
    if (this.newest.size > REMEMBERED) this.newest.delete(this.newest.keys().next().value);
    return true;
  }

  overlay(message, frame) {
    message.status = frame.status;
    if (frame.provider) message.provider = frame.provider;
    message.error = frame.error ? frame.detail : "";
  }

  /** Takes what the API answered. `since` is the count of arrivals when it was asked: what was
   * heard before is in the answer, what was heard after may not be. */
  load(messages, since = this.arrivals) {
    const touched = new Set();
    for (const message of messages) {
      const before = this.messages.get(message.id);
      for (const stamp of Object.values(MARKS)) message[stamp] ??= before?.[stamp] ?? null;
      const heard = this.newest.get(message.id);
      if (heard && heard.arrival > since) this.overlay(message, heard.frame);
      this.messages.set(message.id, message);
      touched.add(message.id);
    }
    this.tell(touched, { isIncomplete: false });
  }

  /** Newest first. */
  sorted() {
    return [...this.messages.values()].sort(newestFirst);
  }

  keep(count) {
    const dropped = this.sorted().slice(count);
    for (const { id } of dropped) this.messages.delete(id);
    return dropped.length > 0;
  }

  tell(touched, more) {
    this.dispatchEvent(new CustomEvent("change", { detail: { touched, ...more } }));
  }
}

function newestFirst(a, b) {
  const earlier = Date.parse(b.created_at) - Date.parse(a.created_at);
  return earlier || (a.id < b.id ? 1 : -1);
}
