import type { SluiceError } from "../../errors.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import { POLL_MS } from "../deadlines.ts";
import type { Shard, ShardOwner } from "../shards/shard.ts";
import type {
  PassedShardMessage,
  ShardEnvironment,
} from "../shards/shard-environment.ts";
import { Canary, type Complaint, type Tally, takeTally } from "./canary.ts";

/** A thread on trial whose event loop has not turned for so long hangs. */
const SILENCE_MS = 750;

/** The old version as it is judged against: before the trial, and at any moment of it. */
export interface OldVersion {
  readonly began: Tally;
  now(): Tally;
}

/** A new version that is being watched. */
export interface Watch {
  /** What is wrong with it at this moment, in one sentence; nothing, when nothing is. */
  look(): string | undefined;
  stop(): void;
}

/**
 * Watches shards of a new version, in this process, while it has the first of
 * the old one's connections: whether they serve, turn, and fail no more often.
 *
 * @param onComplaint - Called once, with what is wrong in one sentence.
 */
export function watchVersion(
  shards: readonly Shard[],
  old: OldVersion,
  onComplaint: (said: string) => void,
): Watch {
  const canary = new Canary(old.began, old.now(), takeTally(shards));
  const judgeAll = (): (() => string) | undefined => {
    const standing = shards.map(judge).find((said) => said !== undefined);
    const complaint = canary.judge(old.now(), takeTally(shards));
    if (standing !== undefined) return () => standing;
    return complaint && (() => describe(complaint, shards));
  };
  const timer = setInterval(() => {
    const complaint = judgeAll();
    if (complaint === undefined) return;
    clearInterval(timer);
    // What was thrown may still be on its way from the thread.
    setImmediate(() => onComplaint(complaint()));
  }, POLL_MS);
  return {
    look: () => judgeAll()?.(),
    stop: () => clearInterval(timer),
  };
}

function describe(
  { hook, cohort, said }: Complaint,
  shards: readonly Shard[],
): string {
  const error = shards
    .map(({ hookErrors }) => hookErrors.get(`${cohort} ${hook}`))
    .find((thrown) => thrown !== undefined);
  return error === undefined ? said : `${said}: ${error}`;
}

/**
 * Owns shards that run a new version until they have proved themselves: a death
 * among them is not made good but fails the trial. Afterwards it passes
 * everything on to the server.
 */
export class Trial implements ShardOwner {
  readonly #server: ShardOwner;
  readonly #failed = Promise.withResolvers<never>();
  #phase: "starting" | "watched" | "passed" | "failed" = "starting";
  #watch: Watch | undefined;

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
    const complaint = this.#watch?.look();
    if (complaint !== undefined) throw new Error(complaint);
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

  #fail(complaint: string): void {
    this.#failed.reject(new Error(complaint));
  }
}

/** Whether a shard's event loop stands still. */
export function isStill({ counters }: Shard): boolean {
  return monotonicNow() - counters.get("beatAt") > SILENCE_MS;
}

/** What speaks against a shard on trial by itself, or nothing. */
function judge(shard: Shard): string | undefined {
  const { index, state } = shard;
  if (!state.startsWith("serving"))
    return `shard ${index} is ${state} in its trial`;
  return isStill(shard)
    ? `the event loop of shard ${index} stands still`
    : undefined;
}
