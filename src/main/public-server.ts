import type { Config } from "../config.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../handlers.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";
import type { Sendable } from "../topics/payload.ts";
import { checkPublishing } from "../topics/rules.ts";
import type { Ingress } from "./accept/ingress.ts";
import type { InstanceEntry } from "./cluster/engine.ts";
import type { Drain, DrainTarget } from "./drain.ts";
import type { MoveReport } from "./handover/relay.ts";
import type { ReloadReport } from "./handover/reload.ts";
import type { Successor, UpgradeReport } from "./handover/process-upgrade.ts";
import type { InspectorLifetime } from "./inspector-lifetime.ts";
import type { AdminAddress } from "./inspector.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Operations } from "./operations.ts";
import type { Readiness } from "./readiness.ts";
import type { ShutdownPart, ShutdownReport } from "./report.ts";
import type { ServerState, ServerStats, SluiceServer } from "./server-types.ts";
import type { Fleet } from "./shards/fleet.ts";
import type { Shard } from "./shards/shard.ts";
import type { ShutdownOptions } from "./shutdown-options.ts";
import type { ShutdownRequests } from "./shutdown-requests.ts";
import { describeServer, type StatsSource } from "./stats.ts";
import type { ServerAddress } from "./main-surroundings.ts";
import type { TopicRouter } from "./topics/topic-router.ts";

/** The parts that are asked. */
export interface PublicServerHost extends StatsSource {
  readonly config: Config;
  readonly environment: { readonly instance: string };
  readonly lifecycle: Lifecycle;
  readonly readiness: Readiness;
  readonly ingress: Ingress;
  readonly inspector: InspectorLifetime;
  readonly requests: ShutdownRequests;
  readonly topics: TopicRouter;
  readonly operations: Operations;
  readonly fleet: Fleet;
}

/**
 * A server as those who have started it see it, and as its inspector does. It
 * does nothing itself: each line names the part that is asked.
 */
export class PublicServer implements SluiceServer {
  readonly #server: PublicServerHost;

  constructor(server: PublicServerHost) {
    this.#server = server;
  }

  get instance(): string {
    return this.#server.environment.instance;
  }

  get state(): ServerState {
    return this.#server.lifecycle.state;
  }

  get ready(): boolean {
    return this.#server.readiness.isReady;
  }

  get address(): ServerAddress {
    return this.#server.ingress.address;
  }

  get adminAddress(): AdminAddress | undefined {
    return this.#server.inspector.address;
  }

  get config(): Config {
    return this.#server.config;
  }

  get terminated(): Promise<ShutdownReport> {
    return this.#server.lifecycle.terminated;
  }

  get successor(): Successor | undefined {
    return this.#server.requests.successor;
  }

  stats(): ServerStats {
    return describeServer(this.#server);
  }

  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    return this.#server.requests.shutdown(options);
  }

  force(): void {
    this.#server.requests.force();
  }

  callOff(): boolean {
    return this.#server.requests.callOff();
  }

  publish(
    topic: string,
    data: Sendable,
    options?: PublishOptions,
  ): PublishStatus {
    return this.#server.topics.publish(topic, data, checkPublishing(options));
  }

  published(): Promise<void> {
    return this.#server.topics.published();
  }

  subscribers(topic: string): Promise<SubscriberCount> {
    return this.#server.topics.subscribers(topic);
  }

  watch(topic: string, listener: PresenceListener): () => void {
    return this.#server.topics.watch(topic, listener);
  }

  instances(): Promise<readonly InstanceEntry[]> {
    return this.#server.cluster.engine.instances();
  }

  drain(target?: DrainTarget): Drain {
    return this.#server.operations.drain(target);
  }

  resume(shard?: number): void {
    this.#server.operations.resume(shard);
  }

  restartShard(index: number): Promise<void> {
    return this.#server.operations.restartShard(index);
  }

  rebalance(): Promise<MoveReport> {
    return this.#server.operations.rebalance();
  }

  reload(): Promise<ReloadReport> {
    return this.#server.operations.reload();
  }

  upgrade(): Promise<UpgradeReport> {
    return this.#server.operations.upgrade();
  }

  reloadTls(): Promise<void> {
    return this.#server.operations.reloadTls();
  }

  // For the inspector.

  /** All that have, or may have, a thread; after a reload their indexes are not their places. */
  get shards(): readonly Shard[] {
    return this.#server.fleet.all;
  }

  get pastCounters(): ReadonlyMap<number, ShardCounters> {
    return this.#server.fleet.past;
  }

  get machineState(): string {
    return this.#server.lifecycle.machineState;
  }

  get shutdownReason(): string {
    return this.#server.lifecycle.record.reason;
  }

  get shutdownElapsedMs(): number {
    return this.#server.lifecycle.record.elapsedMs;
  }

  get shutdownPart(): ShutdownPart {
    return this.#server.lifecycle.record.part;
  }
}
