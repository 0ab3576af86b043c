import type { Config } from "../config.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../handlers.ts";
import type { Drain, DrainTarget } from "./drain.ts";
import type { InstanceEntry, LinkStats } from "./cluster/engine.ts";
import type { Border } from "./malformed.ts";
import type { ServerAddress } from "./main-surroundings.ts";
import type { HandoverStats } from "./handover/handover.ts";
import type { MoveReport } from "./handover/relay.ts";
import type { ReloadReport } from "./handover/reload.ts";
import type { Successor, UpgradeReport } from "./handover/process-upgrade.ts";
import type { Ledger, ShutdownReport } from "./report.ts";
import type { ShutdownOptions } from "./shutdown-options.ts";

export type ServerState =
  "starting" | "listening" | "closing" | "draining" | "terminated";

/** One shard, as it stands at this moment. */
export interface ShardStats {
  shard: number;
  /** State of its machine, such as `serving.accepting`. */
  state: string;
  isBlocked: boolean;
  /** Live connections by state. */
  states: Record<string, number>;
  connections: number;
  messagesIn: number;
  messagesOut: number;
  /** Messages of topics left out for subscribers that were congested. */
  messagesDropped: number;
  bytesIn: number;
  bytesOut: number;
  handlersInFlight: number;
  /** What its connections hold in memory: read, waiting and unwritten. */
  heldBytes: number;
  /** Connections that were closed for want of memory (`maxMemoryBytes`). */
  shed: number;
  /** Share of time that the event loop was busy lately, 0 to 1. */
  utilization: number;
  restarts: number;
  /** Connections that have come from, and gone to, other shards or processes. */
  movedIn: number;
  movedOut: number;
}

/** The server, as it stands at this moment. */
export interface ServerStats {
  state: ServerState;
  ready: boolean;
  /** Open connections, and those that are closing. */
  connections: number;
  /** Live connections by state, over all shards. */
  states: Record<string, number>;
  ledger: Ledger;
  shards: ShardStats[];
  handover: HandoverStats;
  /** The link to the other instances; undefined without a cluster. */
  cluster: LinkStats | undefined;
  /** Messages that were dropped because they are not what may come, by who sent them: shards, other instances, the process before or after. */
  malformed: Record<Border, number>;
  /** Sockets refused because the process had no descriptors left for clients. */
  refusedForDescriptors: number;
  /** Milliseconds left of a shutdown under way. */
  deadlineInMs: number | undefined;
}

/** What governs a server from outside. */
export interface ServeControl {
  /** Shuts the server down when it aborts; before the server listens, it ends the start. */
  signal?: AbortSignal;
}

/** A running server. */
export interface SluiceServer {
  /** Its name in its cluster. */
  readonly instance: string;
  readonly state: ServerState;
  /** Whether new connections are wanted: false from the moment closing begins, but for the wait for a turn to drain in a cluster. */
  readonly ready: boolean;
  /** Where it listens; the port is the real one, also when 0 was asked for. */
  readonly address: ServerAddress;
  /** Where the inspector is reached; undefined when it is off. */
  readonly adminAddress: ServerAddress | undefined;
  readonly config: Config;
  /** Settles when the server has ended, for whatever reason. Rejects with the cause when shards cannot be started any more. */
  readonly terminated: Promise<ShutdownReport>;
  /** Live counts by state and shard, read from shared memory: cheap, and right also while a shard is blocked. */
  stats(): ServerStats;
  /**
   * Ends the server: closes every connection within the deadline. Called
   * twice, both get the same report.
   *
   * @throws SluiceError `ERR_SLUICE_SHUTDOWN_CALLED_OFF` when it was called off,
   *   `ERR_SLUICE_OPTION` for options that it does not take: it goes on then.
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;
  /** Ends a shutdown now: what is left is forced. */
  force(): void;
  /** Calls a shutdown off: connections not yet told stay, accepting resumes. False when it is too late. */
  callOff(): boolean;
  /**
   * Sends a message to every subscriber of a topic, on every shard and
   * instance.
   *
   * @returns `congested` when the shards pass on more slowly than is published:
   *   wait for `published()`; `refused` when `maxPublishBacklogBytes` is reached
   *   and nobody gets it
   * @throws SluiceError `ERR_SLUICE_TOPIC`, `ERR_SLUICE_PAYLOAD`, `ERR_SLUICE_MESSAGE`.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options?: PublishOptions,
  ): PublishStatus;
  /** Resolves when what main has published is no longer congested. */
  published(): Promise<void>;
  /** Counts a topic's subscribers, on every shard and instance. */
  subscribers(topic: string): Promise<SubscriberCount>;
  /**
   * The instances of its cluster, itself included; none without a cluster.
   *
   * @throws SluiceError `ERR_SLUICE_CLUSTER` when the registry cannot be read.
   */
  instances(): Promise<readonly InstanceEntry[]>;
  /**
   * Tells of joins and leaves, on every shard and instance, from now on; at
   * most once each.
   *
   * @returns what ends the watch
   */
  watch(topic: string, listener: PresenceListener): () => void;
  /**
   * Closes some connections, or all, and goes on running.
   *
   * @throws SluiceError `ERR_SLUICE_STATE` unless the server is listening, and
   *   for a shard that does not exist; `ERR_SLUICE_OPTION` for a target that is
   *   none. It is thrown, since there is no drain then, where calls that only
   *   promise something reject.
   */
  drain(target?: DrainTarget): Drain;
  /** Lets a drained shard, or all of them, take connections again. */
  resume(shard?: number): void;
  /**
   * Moves connections so that every shard has as many as the others.
   *
   * @throws SluiceError `ERR_SLUICE_STATE` unless the server is listening.
   */
  rebalance(): Promise<MoveReport>;
  /**
   * Replaces every shard by one that runs the handlers as they are on disk now,
   * and moves the connections to it; nobody is disconnected who can move.
   *
   * @throws SluiceError `ERR_SLUICE_RELOAD` when the new version does not start
   *   or fails in its trial: everything is as before then. `ERR_SLUICE_STATE`
   *   unless the server is listening, and while another reload is under way.
   */
  reload(): Promise<ReloadReport>;
  /**
   * Starts this process's command line again, and leaves the listening socket and
   * the connections to the new process; nobody is disconnected who can move.
   * Then this server shuts down, and `terminated` resolves with its report.
   *
   * @throws SluiceError `ERR_SLUICE_UPGRADE` when the new process fails: this one
   *   carries on then. `ERR_SLUICE_STATE` as for `reload()`.
   */
  upgrade(): Promise<UpgradeReport>;
  /** The process that has taken this one's place; a shutdown that is asked for here from then on is its too. */
  readonly successor: Successor | undefined;
  /** Drains a shard, ends its thread and starts a new one. */
  restartShard(shard: number): Promise<void>;
  /**
   * Reads key and certificate again; new connections use them.
   *
   * @throws SluiceError `ERR_SLUICE_TLS` when they cannot be used; the old ones stay.
   */
  reloadTls(): Promise<void>;
}
