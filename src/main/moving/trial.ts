import type { SluiceError } from "../../errors.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { ShardMessage, TlsMaterial } from "../../protocol/messages.ts";
import type { Shard, ShardOwner } from "../shard.ts";

const LOOK_MS = 25;
/** A thread on trial whose event loop has not turned for so long hangs. */
const SILENCE_MS = 750;
/** Of what a new version's hooks were called for, so much may fail: a client's nonsense fails in every version. */
const FAILING_SHARE = 0.01;

/**
 * Owns shards that run a new version until they have proved themselves: a death
 * among them is not made good but fails the trial. Afterwards it passes
 * everything on to the server.
 */
export class Trial implements ShardOwner {
  readonly #server: ShardOwner;
  readonly #failed = Promise.withResolvers<never>();
  #phase: "starting" | "watched" | "passed" | "failed" = "starting";
  #timer: NodeJS.Timeout | undefined;

  constructor(server: ShardOwner) {
    this.#server = server;
    this.#failed.promise.catch(() => {});
  }

  /** Rejects with what was wrong, if anything is. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** From now on every sign of failure counts. */
  watch(shards: readonly Shard[]): void {
    this.#phase = "watched";
    this.#timer = setInterval(() => {
      const complaint = shards.map(judge).find((said) => said !== undefined);
      if (complaint !== undefined) this.#fail(complaint);
    }, LOOK_MS);
  }

  /** From now on its shards are like any other, or on their way out. */
  end(hasPassed: boolean): void {
    this.#phase = hasPassed ? "passed" : "failed";
    clearInterval(this.#timer);
  }

  get config(): ShardOwner["config"] {
    return this.#server.config;
  }

  get tls(): TlsMaterial | undefined {
    return this.#server.tls;
  }

  get isReady(): boolean {
    return this.#server.isReady;
  }

  get forwarded(): readonly string[] {
    return this.#server.forwarded;
  }

  get topicTable(): SharedArrayBuffer {
    return this.#server.topicTable;
  }

  get instance(): string {
    return this.#server.instance;
  }

  get whyNoMoves(): string | undefined {
    return this.#server.whyNoMoves;
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

  shardMessage(shard: Shard, message: ShardMessage): void {
    this.#server.shardMessage(shard, message);
  }

  shardLost(shard: Shard, crashed: number): void {
    this.#server.shardLost(shard, crashed);
    if (this.#phase === "watched")
      this.#fail(`shard ${shard.index} died in its trial`);
  }

  shardFailed(shard: Shard, cause: SluiceError): void {
    if (this.#phase === "passed") this.#server.shardFailed(shard, cause);
    else this.#failed.reject(cause);
  }

  #fail(complaint: string): void {
    this.#failed.reject(new Error(complaint));
  }
}

/** Whether a shard's event loop stands still. */
export function isStill({ counters }: Shard): boolean {
  return monotonicNow() - counters.get("beatAt") > SILENCE_MS;
}

/** What speaks against a shard on trial, or nothing. */
export function judge(shard: Shard): string | undefined {
  const { index, counters, state } = shard;
  if (!state.startsWith("serving"))
    return `shard ${index} is ${state} in its trial`;
  if (isStill(shard)) return `the event loop of shard ${index} stands still`;
  const failures = counters.get("hookFailures");
  if (failures > counters.get("messagesIn") * FAILING_SHARE)
    return `${failures} hooks failed on shard ${index}, with ${counters.get("messagesIn")} messages`;
  return undefined;
}
