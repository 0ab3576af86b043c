import type { Clock } from "../lifecycle/timer-wheel.ts";

/**
 * Reads below this end a socket's turn by themselves: libuv reads on from the
 * same socket, up to 32 times, only where the buffer was filled; and TLS gives
 * out records of at most this.
 */
const LARGE_READ_BYTES = 16 * 1024;
/** Of one socket in a turn of the event loop; the rest waits for the next. */
const BYTES_A_TURN = 1024 * 1024;

/** A connection whose reading takes turns with that of others. */
export interface TurnTaker {
  /** Read in this turn, by large reads. */
  turnBytes: number;
  pauseReading(): void;
  /** Takes in what was read before, and then reads on. */
  readOn(): void;
}

/**
 * Who has something to read that has to wait for the next turn of the event
 * loop, behind everybody else: nobody gets the thread for longer because it
 * sends more.
 */
export class Turns<Taker extends TurnTaker> {
  readonly #clock: Pick<Clock, "afterPoll">;
  #waiting = new Set<Taker>();

  constructor(clock: Pick<Clock, "afterPoll">) {
    this.#clock = clock;
  }

  /** Has it read in the next turn. */
  add(taker: Taker): void {
    if (this.#waiting.size === 0) this.#clock.afterPoll(() => this.#turn());
    this.#waiting.add(taker);
  }

  /** It has read so much at once; when it was its share, it waits. */
  count(taker: Taker, bytes: number): void {
    if (bytes < LARGE_READ_BYTES) return;
    this.add(taker);
    taker.turnBytes += bytes;
    if (taker.turnBytes >= BYTES_A_TURN) taker.pauseReading();
  }

  #turn(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const taker of waiting) {
      taker.turnBytes = 0;
      taker.readOn();
    }
  }
}
