/** Lets the benchmark have a shard's garbage collected before it weighs it. */
import type { Connection } from "../../../src/index.ts";

/**
 * Collects in this thread (under `--expose-gc`) and says goodbye.
 *
 * @param connection - Just opened.
 * @returns Whether that is what it came for.
 */
export function collectFor(connection: Connection): boolean {
  if (connection.request.path !== "/collect") return false;
  globalThis.gc?.();
  globalThis.gc?.();
  connection.close();
  return true;
}
