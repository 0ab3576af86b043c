/** What the command line needs of a server. */
export interface SluiceServer {
  readonly address: { readonly host: string; readonly port: number };
  stats(): ServerStats;
  shutdown(options?: { readonly reason?: string }): Promise<ShutdownReport>;
  force(): void;
  reloadTls(): Promise<void>;
  readonly terminated: Promise<ShutdownReport>;
}

export interface Outcomes {
  readonly clean: number;
  readonly unacknowledged: number;
  readonly forced: number;
  readonly lost: number;
  readonly crashed: number;
}

export interface ServerStats {
  readonly connections: number;
  readonly states: Readonly<Record<string, number>>;
  readonly ledger: { readonly outcomes: Outcomes };
  readonly deadlineInMs?: number;
}

export interface ShutdownReport {
  readonly accepted: number;
  readonly rejected: number;
  readonly opened: number;
  readonly outcomes: Outcomes;
  readonly closeCodes: Readonly<Record<string, number>>;
  readonly durationMs: number;
  readonly deadlineMs: number;
  readonly deadlineHeld: boolean;
  readonly balanced: boolean;
  readonly shardsKilled: number;
  readonly shardsCrashed: number;
  readonly states: Readonly<
    Record<
      string,
      {
        readonly count: number;
        readonly p50Ms: number;
        readonly p99Ms: number;
        readonly maxMs: number;
      }
    >
  >;
  readonly reason: string;
}
