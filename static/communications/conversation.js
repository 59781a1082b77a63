// The page with everything that was said with one person.

import { config } from "./config.js";
import { showConnection } from "./connection.js";
import { Reply } from "./reply.js";
import { Live } from "./socket.js";
import { Thread } from "./thread.js";
import { Ways } from "./ways.js";

const live = new Live(config.last_id);
const thread = new Thread(config.contact);
const ways = new Ways(config.contact);
const reply = config.may_write ? new Reply(config.contact, { ways, thread }) : null;

// Somebody wrote, or refused: other channels may be open now.
thread.addEventListener("news", () => ways.refreshSoon());
thread.addEventListener("loaded", () => reply?.onThread());

live.addEventListener("frames", ({ detail: frames }) => thread.hear(frames));
live.addEventListener("resync", () => thread.reload());
live.addEventListener("state", ({ detail: { state } }) => {
  if (state === "live" && thread.problem) thread.reload();
});

showConnection(live);
ways.refresh();
thread.reload().finally(() => live.connect());
