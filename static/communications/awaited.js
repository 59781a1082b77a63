// The text of a mail that came in is fetched from the provider a little later.

const FETCHED_WITHIN = 10 * 60_000;
export const LOOK_AGAIN = 3_000;

export function isAwaited(message) {
  const isFresh = Date.now() - Date.parse(message.created_at) < FETCHED_WITHIN;
  return message.direction === "inbound" && message.is_complete === false && isFresh;
}
