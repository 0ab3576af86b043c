import type { Meter } from "./meter.ts";

/** What all clients together have seen. */
export class Tally {
  sent = 0;
  answered = 0;
  /** Answers that were not to the oldest message without one: lost, repeated or out of order. */
  wrong = 0;
  /** Messages whose connection ended before an answer had come. */
  lost = 0;
  /** Ends of connections, by close code; 1006 is none. */
  readonly closes = new Map<number, number>();
  /** When a client last opened a connection, `performance.now()`. */
  lastOpenedAt = 0;
  /** Where messages are recorded that are sent from now on. */
  meter: Meter | undefined;

  opened(): void {
    this.lastOpenedAt = performance.now();
  }

  closed(code: number, lost: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
    this.lost += lost;
  }

  get closeCount(): number {
    return [...this.closes.values()].reduce((sum, count) => sum + count, 0);
  }
}
