import type { MemoryBudget } from "../../protocol/memory-budget.ts";

/** Above this share of the budget the largest holders are not read from. */
const RATIONED_SHARE = 0.75;
/** At or below this one everybody is read from again. */
const RELIEVED_SHARE = 0.5;
/** A shard that holds so much more of the budget looks what all hold together. */
const STEP_SHARE = 1 / 64;
/** Of what a shard holds, those who are not read from hold this at least. */
const LARGEST_SHARE = 0.5;
/** Nobody goes for an excess that is much smaller than what it holds: it is another shard's. */
const SMALLEST_GAIN = 0.25;

/** A connection that can be told to hold less. */
export interface Rationed {
  /** What it holds, alone and together with others. */
  readonly weight: number;
  /** It is not read from, for want of memory. */
  isRationed: boolean;
  has(tag: "open"): boolean;
  ration(): void;
  relieveRation(): void;
  /** Closes it: what it holds is needed. */
  shed(): void;
}

/**
 * Keeps what all connections of the process hold together within its budget
 * (`maxMemoryBytes`). Each shard answers for its part of an excess: whoever
 * holds most is not read from, and closed when that is not enough.
 */
export class Rationing<Connection extends Rationed> {
  readonly #maxBytes: number;
  readonly #budget: MemoryBudget;
  readonly #column: number;
  readonly #since = new Map<Connection, number>();
  /** What this shard held when it looked last. */
  #seen = 0;
  #isLooking = false;

  constructor(maxBytes: number, budget: MemoryBudget, column: number) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.#column = column;
    budget.set(column, 0);
  }

  /** This shard holds so much; whether it is time to {@link Rationing.look}. */
  changed(total: number): boolean {
    this.#budget.set(this.#column, total);
    if (total < this.#seen) this.#seen = total;
    return total - this.#seen >= this.#maxBytes * STEP_SHARE;
  }

  /**
   * Looks what all shards hold together, and does something about it.
   *
   * @param total - Of this shard.
   * @param patienceMs - Who is not read from for longer is closed.
   */
  look(
    holders: Iterable<Connection>,
    total: number,
    now: number,
    patienceMs: number,
  ): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#seen = total;
    const whole = this.#budget.total;
    if (whole <= this.#maxBytes * RELIEVED_SHARE) this.#relieve();
    if (whole > this.#maxBytes * RATIONED_SHARE) {
      const largest = [...holders].toSorted((a, b) => b.weight - a.weight);
      this.#ration(largest, total, now);
      if (whole > this.#maxBytes) this.#shed(largest, total, whole);
    }
    for (const [connection, since] of this.#since)
      if (now - since >= patienceMs) this.#close(connection);
    this.#isLooking = false;
  }

  /** It has ended, or holds nothing any more. */
  forget(connection: Connection): void {
    if (!this.#since.delete(connection)) return;
    connection.isRationed = false;
    connection.relieveRation();
  }

  #relieve(): void {
    for (const connection of this.#since.keys()) this.forget(connection);
  }

  #ration(largest: readonly Connection[], total: number, now: number): void {
    let left = total * LARGEST_SHARE;
    for (const connection of largest) {
      if (left <= 0) break;
      left -= connection.weight;
      if (connection.isRationed || !connection.has("open")) continue;
      connection.isRationed = true;
      this.#since.set(connection, now);
      connection.ration();
    }
  }

  #shed(largest: readonly Connection[], total: number, whole: number): void {
    const excess = whole - this.#maxBytes * RATIONED_SHARE;
    let left = excess * (total / whole);
    // What those hold who have been told to go will be free by itself.
    for (const connection of largest)
      if (!connection.has("open")) left -= connection.weight;
    for (const connection of largest) {
      const { weight } = connection;
      if (left <= 0) break;
      const isGain = left >= weight * SMALLEST_GAIN;
      if (!isGain || !connection.has("open")) continue;
      left -= weight;
      this.#close(connection);
    }
  }

  #close(connection: Connection): void {
    this.#since.delete(connection);
    connection.isRationed = false;
    if (connection.has("open")) connection.shed();
  }
}
