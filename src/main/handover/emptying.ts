import { setTimeout as after } from "node:timers/promises";
import { monotonicNow } from "../../protocol/clock.ts";
import { POLL_MS } from "../deadlines.ts";
import type { Shard } from "../shards/shard.ts";
import {
  addRounds,
  hasMore,
  type MoveReport,
  type MoveUnderWay,
  type Relay,
} from "./relay.ts";

/** Where the connections of a shard go. */
export interface EmptyingInto {
  /** Another shard that takes connections, if there is one. */
  readonly choose: () => Shard | undefined;
  /** Nobody is to move any more. */
  readonly isOver: () => boolean;
}

/**
 * Moves the connections of a shard to the others. One that found nowhere to go
 * has come back, others may have come meanwhile, and whose handshake is under
 * way will: they are asked again until none is left that could move, or the
 * deadline has come. While no other shard takes connections, that is waited for.
 */
export class Emptying {
  /** What the rounds came to. */
  readonly done: Promise<Omit<MoveReport, "durationMs">>;
  readonly #shard: Shard;
  readonly #into: EmptyingInto;
  readonly #relay: Relay;
  readonly #deadline: number;
  #underWay: MoveUnderWay | undefined;
  #isCalledOff = false;

  /** @param deadline - Absolute, monotonic: what cannot move by then stays. */
  constructor(
    shard: Shard,
    into: EmptyingInto,
    relay: Relay,
    deadline: number,
  ) {
    this.#shard = shard;
    this.#into = into;
    this.#relay = relay;
    this.#deadline = deadline;
    this.done = this.#run();
  }

  /** Those who have not left stay. */
  callOff(): void {
    this.#isCalledOff = true;
    this.#underWay?.callOff();
  }

  async #run(): Promise<Omit<MoveReport, "durationMs">> {
    const rounds: MoveReport[][] = [];
    do {
      this.#underWay = this.#relay.move(
        this.#shard,
        { kind: "shards", choose: this.#into.choose },
        this.#deadline,
      );
      rounds.push([await this.#underWay.done]);
    } while (await this.#hasMore(rounds.at(-1)?.[0] as MoveReport));
    return addRounds(rounds);
  }

  /** Resolves when some who have not been asked can go somewhere, or none will. */
  async #hasMore(report: MoveReport): Promise<boolean> {
    const { counters } = this.#shard;
    const isLeft = (): boolean => !this.#isOver && hasMore(this.#shard, report);
    while (isLeft() || (!this.#isOver && counters.upgrading > 0)) {
      // Not at once: who comes back now has met a shard that was about to go.
      await after(POLL_MS);
      if (isLeft() && this.#into.choose() !== undefined) return true;
    }
    return false;
  }

  /** Nobody is to move any more, or the shard has died. */
  get #isOver(): boolean {
    return (
      this.#isCalledOff ||
      this.#into.isOver() ||
      !this.#shard.state.startsWith("serving") ||
      monotonicNow() >= this.#deadline
    );
  }
}
