import { defineHandlers } from "sluice";

/** Yours: what may be slow, or down. */
let isDown = false;
async function query(user: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  if (isDown) throw new Error("connection refused");
  return `balance of ${user}: 12`;
}

const PATIENCE_MS = 500;

export default defineHandlers<{ user: string }>({
  // Without the database nobody can be let in: 503, and when to come again.
  async authorize({ url }, signal) {
    const user = new URL(url, "ws://host").searchParams.get("user") ?? "";
    try {
      await query(
        user,
        AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
      );
      return { accept: true, data: { user } };
    } catch {
      return { accept: false, status: 503, headers: { "Retry-After": "5" } };
    }
  },
  // Who is connected stays. A handler that throws would close the connection,
  // and then everybody's at once, so the failure is an answer.
  async message(connection, data) {
    // For trying it out.
    if (data.toString() === "pull the plug") isDown = true;
    try {
      const signal = AbortSignal.any([
        connection.signal,
        AbortSignal.timeout(PATIENCE_MS),
      ]);
      connection.send(await query(connection.data.user, signal));
    } catch {
      connection.send("not now, please ask again");
    }
  },
});
