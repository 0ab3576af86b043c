import { setTimeout as after } from "node:timers/promises";
import type { Config } from "../../config.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import { moveDeadline } from "../deadlines.ts";
import type { Shard } from "../shards/shard.ts";
import { firstToGo } from "./first-to-go.ts";
import { countMovability } from "./movability.ts";
import {
  addRounds,
  type Destination,
  hasMore,
  type MoveReport,
  type MoveUnderWay,
  type Relay,
} from "./relay.ts";

/** From where connections go to a new version, and how. */
export interface CanaryOptions {
  readonly config: Config;
  readonly relay: Relay;
  /** Those of the old version. */
  readonly shards: readonly Shard[];
  readonly destination: Destination;
  /** Nobody goes any more. */
  readonly signal: AbortSignal;
  /** @throws Error with what is wrong with the new version, if anything is. */
  readonly look: () => void;
  /** The first have fared well for long enough. */
  readonly onPassed: () => void;
}

/**
 * A canary release: connections go to a new version, in another shard or
 * another process, a few of them first. When those have fared well for
 * `trialMs`, all others follow.
 */
export class Canary {
  readonly #options: CanaryOptions;
  readonly #moves: MoveUnderWay[] = [];
  readonly #rounds: MoveReport[][] = [];

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** Resolves when everyone has been asked to go. */
  async run(): Promise<void> {
    const { config, shards, signal, look, onPassed } = this.#options;
    const movable = shards.map(
      (shard) => countMovability([shard], { config }).movable,
    );
    await this.move(firstToGo(movable));
    await after(config.trialMs, undefined, { signal });
    look();
    onPassed();
    await this.move();
  }

  /**
   * Asks those who are still on the old version.
   *
   * @param limits - Of each shard at most so many; all of them otherwise.
   */
  async move(limits?: readonly number[]): Promise<void> {
    const { config, relay, shards, destination, signal } = this.#options;
    signal.throwIfAborted();
    const deadline = moveDeadline(config.shutdownDeadlineMs, monotonicNow());
    const underWay = shards.map((shard, at) =>
      relay.move(shard, destination, deadline, limits?.[at]),
    );
    this.#moves.push(...underWay);
    this.#rounds.push(await Promise.all(underWay.map(({ done }) => done)));
  }

  /** Connections that could move have come to the old version since everyone was asked. */
  get hasMore(): boolean {
    const last = this.#rounds.at(-1) ?? [];
    return last.some((report, at) =>
      hasMore(this.#options.shards[at] as Shard, report),
    );
  }

  /** What has come of it so far. */
  get report(): Omit<MoveReport, "durationMs"> {
    return addRounds(this.#rounds);
  }

  /** Those who have not left stay. */
  callOff(): void {
    for (const move of this.#moves) move.callOff();
  }

  /** Resolves when nobody is on the way. */
  async settled(): Promise<void> {
    await Promise.all(this.#moves.map(({ done }) => done));
  }
}
