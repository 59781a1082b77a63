// The main calls as a client makes them whose types come of the schema: that it compiles is half of
// the test. Called with the address, a token, a token that may only look, and an address to write
// to; fails with what was not as promised.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Message = components["schemas"]["Message"];

const [baseUrl = "", token = "", viewer = "", to = ""] = process.argv.slice(2);

function client(key: string) {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Token ${key}` } });
}

const api = client(token);

function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

function found<T>(answer: { data?: T; error?: unknown; response: Response }, what: string): T {
  expect(answer.data !== undefined, `${what}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function delivered(id: string): Promise<Message> {
  for (let turn = 0; turn < 100; turn += 1) {
    const message = found(await api.GET("/api/messages/{id}/", { params: { path: { id } } }), "look");
    if (message.status === "delivered") return message;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("The message was not delivered.");
}

async function messages(): Promise<string> {
  const body = { channel: "email", to, subject: "Your day", body: "Soon." } as const;
  const header = { "Idempotency-Key": `ts-${to}` };
  const sent = found(await api.POST("/api/messages/", { body, params: { header } }), "compose");
  const again = found(await api.POST("/api/messages/", { body, params: { header } }), "again");
  expect(again.id === sent.id, "The same key made another message.");
  const other = await api.POST("/api/messages/", {
    body: { ...body, subject: "Another" },
    params: { header },
  });
  expect(other.response.status === 422 && other.error !== undefined, "Another body was taken.");

  const message = await delivered(sent.id);
  expect(message.attempts[0]?.provider === "resend", "No attempt is shown.");
  const path = { id: sent.id };
  const events = found(await api.GET("/api/messages/{id}/events/", { params: { path } }), "events");
  const composed = events.find((event) => event.kind === "composed");
  expect(composed !== undefined && composed.attempt === null, "The timeline has no beginning.");
  expect(events.some((event) => event.status === "delivered"), "The timeline has no end.");

  const late = await api.POST("/api/messages/{id}/cancel/", { params: { path } });
  expect(late.response.status === 409, "What was delivered was cancelled.");
  expect(Boolean(late.error && "detail" in late.error && late.error.detail), "No reason was given.");
  return sent.id;
}

async function pages(id: string): Promise<void> {
  await api.POST("/api/messages/", { body: { channel: "email", to, subject: "2", body: "Two." } });
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { page_size: 1, channel: ["email" as const], cursor };
    const page = found(await api.GET("/api/messages/", { params: { query } }), "list");
    seen.push(...page.results.map((message) => message.id));
    cursor = page.next ? (new URL(page.next).searchParams.get("cursor") ?? undefined) : undefined;
  } while (cursor && seen.length < 500);
  expect(new Set(seen).size === seen.length && seen.includes(id), "Pages repeat or leave out.");
}

async function contacts(): Promise<void> {
  const addresses = [{ channel: "email" as const, value: `contact-${to}` }];
  const made = found(await api.POST("/api/contacts/", { body: { name: "Tia", addresses } }), "contact");
  const path = { id: made.id };
  const changed = found(
    await api.PATCH("/api/contacts/{id}/", { params: { path }, body: { name: "Tia May" } }),
    "change",
  );
  expect(changed.name === "Tia May" && changed.preferred_channel === "", "It was not changed.");
  expect(changed.addresses[0]?.value === `contact-${to}`, "Its address is gone.");
  found(await api.GET("/api/contacts/{id}/history/", { params: { path } }), "history");
  const gone = await api.DELETE("/api/contacts/{id}/", { params: { path } });
  expect(gone.response.status === 204, "It was not removed.");
  const missing = await api.GET("/api/contacts/{id}/", { params: { path } });
  expect(missing.response.status === 404 && Boolean(missing.error?.detail), "It is still there.");
}

async function texts(): Promise<void> {
  const body = { name: `ts-${to}`, channel: "email" as const, subject: "Hi", body: "Dear {{ name }}" };
  const made = found(await api.POST("/api/templates/", { body }), "template");
  expect(made.variables[0]?.name === "name", "It does not say what it needs.");
  const twin = await api.POST("/api/templates/", { body });
  const reasons: unknown = twin.error && "name" in twin.error ? twin.error.name : undefined;
  expect(twin.response.status === 400 && Array.isArray(reasons), "A second one was made.");
  await api.DELETE("/api/templates/{id}/", { params: { path: { id: made.id } } });
}

async function refusals(): Promise<void> {
  const body = { channel: "email" as const, value: `stop-${to}` };
  const made = found(await api.POST("/api/suppressions/", { body }), "suppression");
  expect(made.reason === "manual", `It has another reason: ${made.reason}`);
  const listed = found(
    await api.GET("/api/suppressions/", { params: { query: { value: body.value } } }),
    "suppressions",
  );
  expect(listed.results.length === 1, "It is not listed.");
  await api.DELETE("/api/suppressions/{id}/", { params: { path: { id: made.id } } });
}

async function appointments(): Promise<void> {
  const start = "2031-06-05T10:00:00";
  const body = { title: `Tasting ${to}`, start, end: "2031-06-05T11:00:00", zone: "Europe/London" };
  const made = found(await api.POST("/api/appointments/", { body }), "book");
  expect(made.start === start && made.status === "booked", "It is not booked.");
  const taken = await api.POST("/api/appointments/", { body });
  expect(taken.response.status === 409, "The same time was booked twice.");
  const path = { id: made.id };
  const stale = await api.POST("/api/appointments/{id}/cancel/", {
    params: { path, header: { "If-Match": '"999"' } },
  });
  expect(stale.response.status === 412, "A version that never was, was right.");
  found(await api.GET("/api/appointments/{id}/changes/", { params: { path } }), "changes");
  const query = { from: "2031-06-05T08:00:00Z", to: "2031-06-05T18:00:00Z", duration: 60 };
  const offer = found(await api.GET("/api/availability/", { params: { query } }), "availability");
  expect(offer.unknown.length === 0 && offer.slots.length > 0, "Nothing is free.");
  const gone = found(await api.POST("/api/appointments/{id}/cancel/", { params: { path } }), "cancel");
  expect(gone.status === "cancelled", "It is not cancelled.");
  found(await api.GET("/api/calendar-accounts/", {}), "accounts");
}

async function strangers(): Promise<void> {
  const nobody = await client("0000").GET("/api/messages/");
  expect(nobody.response.status === 401 && Boolean(nobody.error), "Nobody was let in.");
  const body = { channel: "email" as const, to, body: "No." };
  const looking = await client(viewer).POST("/api/messages/", { body });
  expect(looking.response.status === 403, "A viewer wrote.");
  const wrong = await api.POST("/api/messages/", { body: { ...body, to: "nobody" } });
  expect(wrong.response.status === 400 && Boolean(wrong.error && "to" in wrong.error), "No field.");
}

async function health(): Promise<void> {
  const seen = found(await api.GET("/api/health/"), "health");
  const resend = seen.providers.find((provider) => provider.provider === "resend");
  expect(resend?.breaker?.state === "closed", "Resend is not well.");
  expect(seen.queue.due >= 0 && seen.workers.length > 0, "Nothing works.");
}

const id = await messages();
await pages(id);
await contacts();
await texts();
await refusals();
await appointments();
await strangers();
await health();
console.log("All calls answered as promised.");
