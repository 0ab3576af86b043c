/** How many were found, and whether everyone asked has answered. */
export interface SubscriberTally {
  count: number;
  isComplete: boolean;
}

/** What an engine brings from the other instances. */
export interface EngineHost {
  /**
   * A message of another instance, for the subscribers here.
   *
   * @returns false when it cannot be one
   */
  deliver(topic: string, payload: Buffer, isBinary: boolean): boolean;
  /** Something that came was not what may come, and was dropped. */
  malformed(what: string): void;
  /** Counts the subscribers here, for another instance. */
  count(topic: string): Promise<SubscriberTally>;
  /** What the registry is told of this instance, as it stands. */
  describe(): InstanceFacts;
  /** The state of the link has changed. */
  linkChanged(state: string): void;
}

/** What an instance tells the others about itself. */
export interface InstanceFacts {
  readonly address: string;
  readonly version: string;
  readonly state: string;
  readonly workers: number;
  readonly connections: number;
  /** The busiest shard's share of time, 0 to 1. */
  readonly utilization: number;
  /** New connections a second that it takes. */
  readonly acceptRate: number;
}

/** One instance of the cluster, as the registry knows it. */
export interface InstanceEntry extends InstanceFacts {
  readonly id: string;
  /** When it started, milliseconds since 1970 on its own clock. */
  readonly startedAt: number;
}

/** The link to the other instances, as it stands. */
export interface LinkStats {
  /** State of its machine: `connected`, `backingOff` and so on; `none` without a cluster. */
  readonly state: string;
  /** Times that it came back. */
  readonly reconnects: number;
  /** Why it was lost, or could not be made, the last time. */
  readonly lastError: string | undefined;
  /** Messages given to the others. */
  readonly sent: number;
  readonly received: number;
  /** Held back at the moment, until the link is there. */
  readonly heldMessages: number;
  readonly heldBytes: number;
  /** Messages of this instance that were given up: over the bound, or too large for the servers. */
  readonly unsent: number;
  /** Messages of other instances that should have come and did not. */
  readonly missed: number;
  /** Messages of other instances that the shards here had no room for. */
  readonly undelivered: number;
}

/**
 * What carries topics to the other instances of a cluster, and lets them act
 * in turn. It has two implementations: one for a server by itself, one on NATS.
 */
export interface ClusterEngine {
  /** Whether there may be other instances at all. */
  readonly isClustered: boolean;
  /**
   * Begins to work; the link may come later.
   *
   * @throws SluiceError `ERR_SLUICE_CLUSTER` when it never can.
   */
  start(host: EngineHost): Promise<void>;
  /** There is a subscriber here now, or none any more. */
  setInterest(topic: string, isWanted: boolean): void;
  /** Gives a message of this instance to the others: at most once, in order. */
  publish(topic: string, payload: Buffer, isBinary: boolean): void;
  /** Counts the subscribers on the other instances. */
  countElsewhere(topic: string): Promise<SubscriberTally>;
  link(): LinkStats;
  /**
   * The instances whose entries have not expired, this one included.
   *
   * @throws SluiceError `ERR_SLUICE_CLUSTER` when the registry cannot be read.
   */
  instances(): Promise<readonly InstanceEntry[]>;
  /**
   * Waits for this instance's turn to drain.
   *
   * @returns false when `signal` fired first, or when nobody can be asked
   */
  takeTurn(signal: AbortSignal): Promise<boolean>;
  /**
   * The turn is over.
   *
   * @param returningForMs - For so long its clients will be on their way to the
   *   other instances, which should still be there.
   */
  endTurn(returningForMs: number): Promise<void>;
  stop(): Promise<void>;
}
