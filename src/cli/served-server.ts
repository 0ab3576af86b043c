import type { Ledger, ServerStats, SluiceServer } from "../index.ts";

/** What the command line needs of a server. */
export interface ServedServer extends Pick<
  SluiceServer,
  | "address"
  | "shutdown"
  | "force"
  | "reload"
  | "reloadTls"
  | "successor"
  | "terminated"
  | "upgrade"
> {
  stats(): LiveCounts;
}

/** What progress is worked out from. */
export interface LiveCounts extends Pick<
  ServerStats,
  "connections" | "states" | "deadlineInMs"
> {
  readonly ledger: Pick<Ledger, "outcomes">;
}
