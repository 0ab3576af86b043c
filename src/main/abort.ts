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
