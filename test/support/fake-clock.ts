import type { Clock } from "../../src/workers/lifecycle/timer-wheel.ts";

interface Timer {
  due: number;
  callback: () => void;
}

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now: number;
  #timers: Timer[] = [];
  /** How often a timer was set: what driving a wheel costs. */
  timersSet = 0;
  /** What has arrived meanwhile is read. */
  onPoll: () => void = () => {};

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  /** When the next timer is due; `Infinity` when none is set. */
  get nextDue(): number {
    return Math.min(...this.#timers.map(({ due }) => due));
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + Math.max(0, ms), callback };
    this.#timers.push(timer);
    this.timersSet++;
    return timer;
  }

  /** In a moment of the same time, behind the timers that are due. */
  afterPoll(callback: () => void): void {
    const poll = (): void => {
      this.onPoll();
      callback();
    };
    this.#timers.push({ due: this.#now, callback: poll });
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  /** Moves time on, through every timer that is due on the way, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers
        .filter(({ due }) => due <= until)
        .toSorted((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.clearTimeout(next);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
    }
    this.#now = until;
  }

  /** Moves time on while nothing runs: the thread stood still. Timers fire late. */
  stall(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }
}
