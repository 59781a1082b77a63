// The live stream: connects, resumes where it stopped, and says whether it is live.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 20_000;
// Frames are handed on together, at most this often.
const BATCH = 40;
// A computer that slept finds its connection dead without being told.
const TICK = 5_000;
const SLEPT = 30_000;

export class Live extends EventTarget {
  constructor(since) {
    super();
    this.lastId = since;
    this.state = "connecting";
    this.failures = 0;
    this.frames = [];
    this.flushing = 0;
    this.waiting = 0;
    addEventListener("online", () => this.connect());
    addEventListener("offline", () => this.drop());
    this.watchTheClock();
  }

  connect() {
    clearTimeout(this.waiting);
    this.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/status/?since=${this.lastId}`);
    this.socket = socket;
    this.isReady = false;
    this.isResync = false;
    // Only the present connection counts: an old one may still have something to say.
    socket.onmessage = ({ data }) => socket === this.socket && this.take(JSON.parse(data));
    socket.onclose = () => socket === this.socket && this.drop();
  }

  take(frame) {
    if (frame.type === "status") this.status(frame);
    else if (frame.type === "ready") this.ready(frame);
    else if (frame.type === "resync") this.isResync = true;
    else if (frame.type === "health") this.tell("health", frame);
  }

  status(frame) {
    this.lastId = Math.max(this.lastId, frame.id);
    this.frames.push(frame);
    // A replay is shown at once, as where it ends: nobody wants to see the past flicker by.
    if (this.isReady) this.flushing ||= setTimeout(() => this.flush(), BATCH);
  }

  ready(frame) {
    this.isReady = true;
    this.failures = 0;
    if (this.isResync) {
      this.lastId = frame.last_id;
      this.frames = [];
      this.tell("resync");
    } else {
      this.lastId = Math.max(this.lastId, frame.last_id);
    }
    this.flush();
    this.become("live");
  }

  flush() {
    clearTimeout(this.flushing);
    this.flushing = 0;
    const frames = this.frames.splice(0);
    if (frames.length) this.tell("frames", frames);
  }

  drop() {
    this.close();
    this.flush();
    clearTimeout(this.waiting);
    this.failures += 1;
    this.become("waiting");
    if (!navigator.onLine) return;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1));
    // Spread out: after a restart not every browser comes back in the same moment.
    this.waiting = setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Signed out: coming back is of no use. */
  giveUp() {
    this.close();
    clearTimeout(this.waiting);
    this.become("signed-out");
  }

  become(state) {
    const before = this.state;
    this.state = state;
    this.tell("state", { state, before, failures: this.failures });
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  watchTheClock() {
    let last = Date.now();
    setInterval(() => {
      const now = Date.now();
      if (now - last > SLEPT && this.state === "live") this.connect();
      last = now;
    }, TICK);
  }
}
