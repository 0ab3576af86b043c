import { asDelay } from "../config/units.ts";
import { monotonicNow } from "../protocol/clock.ts";

/** Turns of the event loop further apart than this: the process stood still. */
const STANDSTILL_MS = 500;
const TURN_MS = 100;
/** What threads may take, after a standstill, to read what has come and to say so. */
const CATCH_UP_MS = 500;

/** Where time comes from: Node, a simulation, or a test. */
export interface TimeSource {
  /** Milliseconds on a clock that all threads of a process share, and that only goes forward. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
  /** Calls back when what has come so far was read. */
  afterPoll(callback: () => void): void;
}

interface Wait {
  callback: () => void;
  timer: unknown;
  isOver: boolean;
}

/** Of this process. */
export const processTime: TimeSource = {
  now: monotonicNow,
  setTimeout: (callback, ms) => setTimeout(callback, asDelay(ms)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
  afterPoll(callback) {
    setImmediate(callback);
  },
};

/**
 * The clock of main's machines. Node runs timers before it reads what threads
 * have said, and after a standstill of the whole process (it was stopped, the
 * machine was paused) the threads have not had a moment either: a shard would
 * be ended whose clients have answered in time. So a delay ends only after what
 * was said has been read, and after a standstill once there was time to say it.
 */
export class PatientClock {
  readonly #time: TimeSource;
  readonly #waits = new Set<Wait>();
  #turn: unknown;
  #lastTurn = 0;
  #resumedAt = -Infinity;

  constructor(time: TimeSource) {
    this.#time = time;
  }

  now(): number {
    return this.#time.now();
  }

  setTimeout(callback: () => void, ms: number): Wait {
    const wait: Wait = { callback, timer: undefined, isOver: false };
    if (this.#waits.size === 0) this.#watch();
    this.#waits.add(wait);
    this.#arm(wait, ms);
    return wait;
  }

  clearTimeout(wait: Wait | undefined): void {
    if (wait === undefined) return;
    this.#time.clearTimeout(wait.timer);
    this.#end(wait);
  }

  #arm(wait: Wait, ms: number): void {
    wait.timer = this.#time.setTimeout(() => {
      this.#noteTurn();
      const leftMs = this.#resumedAt + CATCH_UP_MS - this.#time.now();
      if (leftMs > 0) return this.#arm(wait, leftMs);
      return this.#time.afterPoll(() => {
        if (wait.isOver) return;
        this.#end(wait);
        wait.callback();
      });
    }, ms);
  }

  #end(wait: Wait): void {
    wait.isOver = true;
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#time.clearTimeout(this.#turn);
  }

  /** Looks at the turns while somebody waits. */
  #watch(): void {
    this.#lastTurn = this.#time.now();
    const turn = (): void => {
      this.#noteTurn();
      this.#turn = this.#time.setTimeout(turn, TURN_MS);
    };
    this.#turn = this.#time.setTimeout(turn, TURN_MS);
  }

  #noteTurn(): void {
    const now = this.#time.now();
    if (now - this.#lastTurn > STANDSTILL_MS) this.#resumedAt = now;
    this.#lastTurn = now;
  }
}
