import type { SluiceError } from "../../errors.ts";
import type { Shard, ShardOwner } from "../shards/shard.ts";
import type {
  PassedShardMessage,
  ShardEnvironment,
} from "../shards/shard-environment.ts";
import {
  type OldVersion,
  type VersionWatch,
  watchVersion,
} from "./version-watch.ts";

/**
 * Owns shards that run a new version until they have proved themselves: a death
 * among them is not made good but fails the trial. Afterwards it passes
 * everything on to the server.
 */
export class CanaryOwner implements ShardOwner {
  readonly #server: ShardOwner;
  readonly #failed = Promise.withResolvers<never>();
  #phase: "starting" | "watched" | "passed" | "failed" = "starting";
  #watch: VersionWatch | undefined;

  constructor(server: ShardOwner) {
    this.#server = server;
    this.#failed.promise.catch(() => {});
  }

  /** Rejects with what was wrong, if anything is. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** From now on every sign of failure counts. */
  watch(shards: readonly Shard[], old: OldVersion): void {
    this.#phase = "watched";
    this.#watch = watchVersion(shards, old, (said) => this.#fail(said));
  }

  /** Looks at this moment, whatever is seen from time to time. @throws Error with what is wrong, if anything is. */
  look(): void {
    const fault = this.#watch?.look();
    if (fault !== undefined) throw new Error(fault);
  }

  /** From now on its shards are like any other, or on their way out. */
  end(hasPassed: boolean): void {
    this.#phase = hasPassed ? "passed" : "failed";
    this.#watch?.stop();
  }

  get environment(): ShardEnvironment {
    return this.#server.environment;
  }

  /** On trial, a thread that dies is not replaced. */
  get isStopping(): boolean {
    return (
      this.#phase === "watched" ||
      this.#phase === "failed" ||
      this.#server.isStopping
    );
  }

  shardChanged(shard: Shard): void {
    this.#server.shardChanged(shard);
  }

  shardReady(shard: Shard): void {
    this.#server.shardReady(shard);
  }

  shardMessage(shard: Shard, message: PassedShardMessage): void {
    this.#server.shardMessage(shard, message);
  }

  shardLost(shard: Shard): void {
    this.#server.shardLost(shard);
    if (this.#phase === "watched")
      this.#fail(`shard ${shard.index} died in its trial`);
  }

  shardFailed(shard: Shard, cause: SluiceError): boolean {
    if (this.#phase === "passed") return this.#server.shardFailed(shard, cause);
    this.#failed.reject(cause);
    return false;
  }

  #fail(fault: string): void {
    this.#failed.reject(new Error(fault));
  }
}
