import { channel } from "node:diagnostics_channel";
import type { Config } from "../config.ts";
import type { SluiceError } from "../errors.ts";
import type { Ingress } from "./accept/ingress.ts";
import type { Handover } from "./handover/handover.ts";
import type { InspectorLifetime } from "./inspector-lifetime.ts";
import type { Operations } from "./operations.ts";
import type { Readiness } from "./readiness.ts";
import type { Fleet } from "./shards/fleet.ts";
import type { Shard, ShardOwner } from "./shards/shard.ts";
import type {
  PassedShardMessage,
  ShardEnvironment,
} from "./shards/shard-environment.ts";
import type { TopicRouter } from "./topics/topic-router.ts";

/** The parts that hear of shards. */
export interface SupervisorHost {
  readonly config: Config;
  readonly environment: ShardEnvironment;
  readonly fleet: Fleet;
  readonly ingress: Ingress;
  readonly readiness: Readiness;
  readonly topics: TopicRouter;
  readonly handover: Handover;
  readonly operations: Operations;
  readonly inspector: InspectorLifetime;
  readonly lifecycle: {
    readonly isServing: boolean;
    readonly isStopping: boolean;
    failGently(error: Error): void;
  };
}

/** Owns the shards of a server: what they say goes to the part that it is for, and what becomes of them to everyone. */
export class Supervisor implements ShardOwner {
  readonly #host: SupervisorHost;

  constructor(host: SupervisorHost) {
    this.#host = host;
  }

  get environment(): ShardEnvironment {
    return this.#host.environment;
  }

  get isStopping(): boolean {
    return this.#host.lifecycle.isStopping;
  }

  shardChanged(): void {
    if (this.isStopping) return;
    const { config, ingress, readiness } = this.#host;
    ingress.update();
    if (config.minReadyShards > 0) readiness.update();
  }

  shardReady(shard: Shard): void {
    this.#host.topics.introduce(shard);
  }

  /** Each part takes the messages of its own type: one that is put to another part's does not compile, nor does one that is left out. */
  shardMessage(shard: Shard, message: PassedShardMessage): void {
    const { ingress, operations, inspector, handover, topics } = this.#host;
    switch (message.type) {
      case "admit":
      case "released":
        return ingress.limits.take(shard, message);
      case "notified":
      case "drained":
        return operations.drains.take(shard.index, message);
      case "inspected":
      case "followed":
        return inspector.take(shard.index, message);
      case "moved-out":
      case "moved-in":
      case "moved":
        return handover.relay.take(shard, message);
      case "interest":
      case "count-subscribers":
      case "subscribers":
      case "published":
      case "taken":
        return topics.take(shard, message);
      case "tls-reloaded":
        return operations.tlsReloaded(message);
      case "diagnostic":
        return channel(message.channel).publish(message.message);
      default:
        return message satisfies never;
    }
  }

  shardLost(shard: Shard): void {
    const { ingress, operations, inspector, handover, topics } = this.#host;
    ingress.limits.forget(shard.index);
    operations.drains.forget(shard.index);
    inspector.shardLost(shard.index);
    topics.forget(shard.index);
    handover.relay.forget(shard);
  }

  /** One shard does not end the server, while another serves or may yet. */
  shardFailed(shard: Shard, cause: SluiceError): boolean {
    const { fleet, lifecycle } = this.#host;
    const isLast = fleet.shards.every(
      (each) => each === shard || each.isFailing,
    );
    if (lifecycle.isServing && !isLast) return true;
    lifecycle.failGently(cause);
    return false;
  }
}
