import type { ClusterEngine, InstanceEntry, LinkStats } from "./engine.ts";

/** The engine of a server that is by itself: its shards do without one. */
export class LocalEngine implements ClusterEngine {
  readonly isClustered = false;

  async start(): Promise<void> {}

  setInterest(): void {}

  publish(): void {}

  async countElsewhere(): Promise<{ count: number; isComplete: boolean }> {
    return { count: 0, isComplete: true };
  }

  link(): LinkStats {
    return {
      state: "none",
      reconnects: 0,
      lastError: undefined,
      sent: 0,
      received: 0,
      heldMessages: 0,
      heldBytes: 0,
      unsent: 0,
      missed: 0,
      undelivered: 0,
    };
  }

  async instances(): Promise<readonly InstanceEntry[]> {
    return [];
  }

  async takeTurn(): Promise<boolean> {
    return true;
  }

  async endTurn(): Promise<void> {}

  async stop(): Promise<void> {}
}
