import { channel } from "node:diagnostics_channel";

import type {
  LiveCounts,
  ServedServer,
} from "../../../src/cli/served-server.ts";
import type {
  ReloadReport,
  ShutdownReport,
  Successor,
  UpgradeReport,
} from "../../../src/index.ts";

/** A report of a shutdown in which everything went well, save what is given. */
export function reportOf(given: Partial<ShutdownReport> = {}): ShutdownReport {
  return {
    shutdown: {
      live: 4000,
      accepted: 1,
      rejected: 1,
      probes: 0,
      requests: 0,
      answers: 0,
      opened: 0,
      movedIn: 0,
      movedOut: 0,
      outcomes: {
        rejected: 1,
        served: 0,
        cut: 0,
        clean: 3500,
        unacknowledged: 480,
        forced: 20,
        lost: 0,
        crashed: 0,
      },
      closeCodes: { 1001: 3980, 1006: 20 },
      shardsKilled: 0,
      shardsCrashed: 0,
      states: { closing: { count: 4000, p50Ms: 0.4, p99Ms: 204, maxMs: 1100 } },
    },
    accepted: 5010,
    rejected: 10,
    probes: 0,
    requests: 0,
    answers: 0,
    opened: 5000,
    movedIn: 0,
    movedOut: 0,
    outcomes: {
      rejected: 10,
      served: 0,
      cut: 0,
      clean: 4500,
      unacknowledged: 480,
      forced: 20,
      lost: 0,
      crashed: 0,
    },
    closeCodes: { 1001: 4980, 1006: 20 },
    durationMs: 1240,
    deadlineMs: 8000,
    deadlineHeld: true,
    balanced: true,
    shardsKilled: 0,
    shardsStuck: 0,
    shardsCrashed: 0,
    states: {
      "open.healthy": {
        count: 5000,
        p50Ms: 61_000,
        p99Ms: 90_500,
        maxMs: 91_000,
      },
      closing: { count: 5000, p50Ms: 0.4, p99Ms: 203.7, maxMs: 1100 },
    },
    reason: "SIGTERM",
    ...given,
  };
}

/** Live counts of a server on its way down, save what is given. */
export function statsOf(given: Partial<LiveCounts> = {}): LiveCounts {
  return {
    connections: 3120,
    states: {
      closing: 120,
      "draining.flushing": 1000,
      "draining.awaiting": 2000,
    },
    ledger: {
      outcomes: {
        rejected: 3,
        served: 0,
        cut: 0,
        clean: 1900,
        unacknowledged: 0,
        forced: 0,
        lost: 80,
        crashed: 0,
      },
    },
    deadlineInMs: 5200,
    ...given,
  };
}

/** Another process that has taken over, which ends when it is told to. */
export class FakeSuccessor implements Successor {
  readonly pid = 4711;
  readonly signals: string[] = [];
  readonly #end = Promise.withResolvers<number>();

  async ended(): Promise<number> {
    return await this.#end.promise;
  }

  kill(signal: string): void {
    this.signals.push(signal);
  }

  end(status: number): void {
    this.#end.resolve(status);
  }
}

/** A server without sockets that writes down what it is told. */
export class FakeServer implements ServedServer {
  readonly address = { host: "127.0.0.1", port: 9000 };
  readonly told: string[] = [];
  readonly #end = Promise.withResolvers<ShutdownReport>();
  readonly terminated = this.#end.promise;
  shutdownFailure: Error | undefined;
  reloadFailure: Error | undefined;
  successor: FakeSuccessor | undefined;

  stats(): LiveCounts {
    return statsOf();
  }

  async shutdown({ reason = "" }: { readonly reason?: string } = {}) {
    this.told.push(`shutdown: ${reason}`);
    if (this.shutdownFailure !== undefined) throw this.shutdownFailure;
    return await this.terminated;
  }

  force(): void {
    this.told.push("force");
  }

  async reload(): Promise<ReloadReport> {
    this.told.push("reload");
    if (this.reloadFailure !== undefined) throw this.reloadFailure;
    return { moved: 0, notified: 0, refused: {}, durationMs: 1 };
  }

  async upgrade(): Promise<UpgradeReport> {
    this.told.push("upgrade");
    if (this.reloadFailure !== undefined) throw this.reloadFailure;
    return { pid: 1, moved: 0, notified: 0, refused: {}, durationMs: 1 };
  }

  async reloadTls(): Promise<void> {
    this.told.push("reloadTls");
    if (this.reloadFailure !== undefined) throw this.reloadFailure;
  }

  /** Publishes a change of state, as the library does. */
  enter(state: string): void {
    channel("sluice:server").publish({ event: "state", state });
  }

  end(report: ShutdownReport): void {
    this.#end.resolve(report);
  }

  fail(error: Error): void {
    this.#end.reject(error);
  }
}
