import { sayForeign } from "../foreign-value.ts";
import type { SluiceServer } from "./server-types.ts";

/** Shuts the server down when the signal aborts; the signal's reason is the report's. */
export function shutDownWith(server: SluiceServer, signal: AbortSignal): void {
  const shutDown = (): void => {
    const cause: unknown = signal.reason;
    const reason = sayForeign(cause);
    // Who wants to know how it went awaits `terminated`.
    server.shutdown({ reason }).catch(() => {});
  };
  signal.addEventListener("abort", shutDown, { once: true });
  const forget = (): void => signal.removeEventListener("abort", shutDown);
  server.terminated.then(forget, forget);
}

/**
 * Waits for what is first: the promise, or that the signal aborts.
 *
 * @throws the signal's reason when it has aborted first
 */
export async function orAborted(
  promise: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) {
    await promise;
    return;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
