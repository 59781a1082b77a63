// Puts the page together.

import { Compose } from "./compose.js";
import { config } from "./config.js";
import { showConnection } from "./connection.js";
import { Counters } from "./counters.js";
import { Detail } from "./detail.js";
import { people } from "./people.js";
import { Live } from "./socket.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";

const store = new Store();
const live = new Live(config.last_id);
const detail = new Detail(store, { reply: (message) => compose?.reply(message) });
const compose = config.may_write
  ? new Compose(store, { show: (id) => detail.open(id) })
  : null;
const stream = new Stream(store, {
  open: (id) => detail.open(id),
  write: () => compose?.open(),
});
const counters = new Counters({ filter: (filters) => stream.filter(filters) });

live.addEventListener("frames", ({ detail: frames }) => {
  store.apply(frames);
  counters.refreshSoon();
});
live.addEventListener("resync", () => {
  stream.reload({ forget: true });
  counters.refreshSoon();
  detail.refreshSoon();
});
live.addEventListener("state", ({ detail: { state } }) => {
  // What could not be loaded while there was no connection.
  if (state === "live" && stream.state === "failed") stream.reload();
});

showConnection(live);
people.loadNewest().catch(() => {});
counters.refresh();
detail.openFromAddress();
// The list first: what the stream replays since the page was rendered then only adds to it.
stream.reload().finally(() => live.connect());
