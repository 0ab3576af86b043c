/** Of each kind, so many are let through before the rest of the window is only counted. */
const BURST = 5;
const WINDOW_MS = 10_000;
/** Kinds that are told apart; all further ones are one. */
const MOST_KINDS = 64;
const OTHERS = "others";

/** Time, so that tests can move it. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

const realClock: Clock = {
  now: () => performance.now(),
  // What is left to be said does not keep the process: `stop` says it.
  setTimeout: (callback, ms) => setTimeout(callback, ms).unref(),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

interface Window<Item> {
  readonly beganAt: number;
  readonly timer: unknown;
  let: number;
  suppressed: number;
  last: Item;
}

/**
 * Lets a few of each kind through, counts the others, and tells how many they
 * were when the window is over: what can be brought about a thousand times a
 * second must not fill a disk, nor hide what else is said.
 */
export class Throttle<Item> {
  readonly #onSuppressed: (last: Item, count: number, withinMs: number) => void;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window<Item>>();

  /** @param onSuppressed - Told of the last that was suppressed, and how many there were. */
  constructor(
    onSuppressed: (last: Item, count: number, withinMs: number) => void,
    clock: Clock = realClock,
  ) {
    this.#onSuppressed = onSuppressed;
    this.#clock = clock;
  }

  /** Whether one more of a kind is let through; counted otherwise. */
  admits(kind: string, item: Item): boolean {
    const isNew = !this.#windows.has(kind);
    const known = isNew && this.#windows.size >= MOST_KINDS ? OTHERS : kind;
    const window = this.#windows.get(known) ?? this.#open(known, item);
    window.last = item;
    if (window.let < BURST) {
      window.let++;
      return true;
    }
    window.suppressed++;
    return false;
  }

  /** Tells what is left to be told. */
  stop(): void {
    for (const kind of [...this.#windows.keys()]) this.#close(kind);
  }

  #open(kind: string, item: Item): Window<Item> {
    const window: Window<Item> = {
      beganAt: this.#clock.now(),
      timer: this.#clock.setTimeout(() => this.#close(kind), WINDOW_MS),
      let: 0,
      suppressed: 0,
      last: item,
    };
    this.#windows.set(kind, window);
    return window;
  }

  #close(kind: string): void {
    const window = this.#windows.get(kind);
    if (window === undefined) return;
    this.#windows.delete(kind);
    this.#clock.clearTimeout(window.timer);
    const { last, suppressed, beganAt } = window;
    if (suppressed > 0)
      this.#onSuppressed(last, suppressed, this.#clock.now() - beganAt);
  }
}
