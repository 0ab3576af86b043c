/** So many are looked at before the event loop turns: a list of very many delays nobody's message. */
export const BATCH = 1_000;

/** The event loop has turned, and whoever waited was served. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
