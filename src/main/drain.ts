import { aside } from "./aside.ts";
import {
  DURATION,
  FLAG,
  narrowArguments,
  PATH_PREFIX,
  SHARD,
} from "../config/arguments.ts";
import type {
  DrainFilter,
  DrainShardMessage,
  DrainPlan,
} from "../protocol/messages.ts";
import type { MoveObstacles } from "../protocol/handover-messages.ts";
import type { Shard } from "./shards/shard.ts";

/** What a drain is aimed at; without any of it, at every connection. */
export interface DrainTarget {
  /** Only connections whose path starts so. */
  pathPrefix?: string;
  /** Only connections that have been open for longer: milliseconds, or words such as `"5m"`. */
  olderThanMs?: number | string;
  /** One shard, by its index; it takes no new connections until it is resumed. */
  shard?: number;
  /** Moves the shard's connections to the others instead, tells only those that cannot move to come back (1012), and starts the shard again. */
  move?: boolean;
  /** Until those who were told are forced: milliseconds, or words such as `"8s"`; by default the shutdown deadline. */
  deadlineMs?: number | string;
}

/** The same, narrowed. */
export interface NarrowedTarget extends DrainFilter {
  readonly shard?: number;
  readonly move?: boolean;
  readonly deadlineMs?: number;
}

const TARGET = {
  shard: SHARD,
  move: FLAG,
  pathPrefix: PATH_PREFIX,
  olderThanMs: DURATION,
  deadlineMs: DURATION,
};

/**
 * Narrows what a drain is aimed at: a mistake in it must not aim it at everyone.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function narrowTarget(target: unknown): NarrowedTarget {
  return narrowArguments(TARGET, target, "drain()");
}

/** What a drain came to. */
export interface DrainReport {
  /** Connections that were told to go. */
  notified: number;
  /** Connections that live on other shards now. */
  moved: number;
  /** Why others could not move. */
  refused: MoveObstacles;
  wasCalledOff: boolean;
  durationMs: number;
}

/** A drain under way. */
export interface Drain {
  /** Resolves when everyone who was told has ended. */
  readonly done: Promise<DrainReport>;
  /** Those not yet told stay; accepting resumes. */
  callOff(): void;
}

/** A drain while it is under way: which shards have told, and which are done. */
class DrainProgress {
  readonly id: number;
  readonly #startedAt = performance.now();
  readonly #waiting: Set<number>;
  readonly #done = Promise.withResolvers<DrainReport>();
  #notified = 0;
  #wasCalledOff = false;

  constructor(id: number, shards: readonly number[]) {
    this.id = id;
    this.#waiting = new Set(shards);
    this.#finishIfDone();
  }

  get done(): Promise<DrainReport> {
    return this.#done.promise;
  }

  get isDone(): boolean {
    return this.#waiting.size === 0;
  }

  calledOff(): void {
    this.#wasCalledOff = true;
  }

  notified(count: number): void {
    this.#notified += count;
  }

  /** Everyone told by this shard has ended, or the shard itself has. */
  drained(shard: number): void {
    this.#waiting.delete(shard);
    this.#finishIfDone();
  }

  end(): void {
    this.#waiting.clear();
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (!this.isDone) return;
    this.#done.resolve({
      notified: this.#notified,
      moved: 0,
      refused: {},
      wasCalledOff: this.#wasCalledOff,
      durationMs: performance.now() - this.#startedAt,
    });
  }
}

/** The drains under way: starts them at the shards and follows what the shards say. */
export class Drains {
  readonly #underWay = new Map<number, DrainProgress>();
  #count = 0;

  /**
   * @param shards - Those that have the connections aimed at.
   * @param planFor - How a shard's connections are told, by its turn.
   * @param resume - Called when the drain is called off.
   */
  start(
    shards: readonly Shard[],
    filter: DrainFilter,
    planFor: (turn: number) => DrainPlan,
    resume: () => void,
  ): Drain {
    const progress = new DrainProgress(
      ++this.#count,
      shards.map(({ index }) => index),
    );
    const { id, done } = progress;
    this.#underWay.set(id, progress);
    aside(
      done.then(() => this.#underWay.delete(id)),
      "booking a drain",
    );
    for (const [turn, shard] of shards.entries())
      shard.post({
        type: "drain",
        drain: id,
        filter,
        plan: planFor(turn),
      });
    return {
      done,
      callOff: () => {
        if (progress.isDone) return;
        progress.calledOff();
        for (const shard of shards) shard.post({ type: "call-off", drain: id });
        resume();
      },
    };
  }

  /** Takes what a shard says of a drain. */
  take(shard: number, message: DrainShardMessage): void {
    const progress = this.#underWay.get(message.drain);
    switch (message.type) {
      case "notified":
        return progress?.notified(message.notified);
      case "drained":
        return progress?.drained(shard);
    }
  }

  /** The server has ended, and with it everyone who was told. */
  stop(): void {
    for (const progress of this.#underWay.values()) progress.end();
  }

  /** The shard's thread is gone, and with it everyone it had told. */
  forget(shard: number): void {
    for (const progress of this.#underWay.values()) progress.drained(shard);
  }
}
