/** What the benchmark and its Sluice server say to each other. */
import { join } from "node:path";

/** How a server is started. */
export interface ServerPlan {
  /** For its control socket. */
  readonly folder: string;
  readonly port: number;
  readonly workers: number;
}

/** One line to the server; it answers `{ answer }` or `{ error }`. */
export type Order =
  | { readonly do: "move"; readonly shard: number }
  | {
      readonly do: "rebalance" | "reload" | "upgrade" | "stats" | "shutdown";
    };

/** Where a process takes its orders. */
export function controlPath(folder: string, pid: number): string {
  return join(folder, `${pid}.sock`);
}
