import type { PatientClock } from "../patient-clock.ts";

const BACK_OFF_MS = { first: 100, longest: 10_000 } as const;
/** A thread that served for so long has not died at its start. */
const PROVEN_AFTER_MS = 10_000;
const MAX_FAILED_STARTS = 5;

/** How the threads of one shard have fared, and how long the next one waits for that. */
export class BackOff {
  /** When the thread of the moment was ready; 0 until it is. */
  #readyAt = 0;
  #failedStarts = 0;
  readonly #clock: Pick<PatientClock, "now">;
  #quickDeaths = 0;

  /** What is waited when the next one has to wait for something else, too. */
  static readonly longestMs = BACK_OFF_MS.longest;

  constructor(clock: Pick<PatientClock, "now">) {
    this.#clock = clock;
  }

  /** A thread has been ready, and none has failed to start since, or not often enough to say so. */
  get isFailing(): boolean {
    return this.#failedStarts >= MAX_FAILED_STARTS;
  }

  get hasServed(): boolean {
    return this.#readyAt > 0;
  }

  started(): void {
    this.#readyAt = 0;
  }

  ready(): void {
    this.#readyAt = this.#clock.now();
    this.#failedStarts = 0;
  }

  /** Its thread has ended, and another one would follow. */
  ended(): void {
    if (!this.hasServed) this.#failedStarts++;
  }

  /** @returns how long the next thread waits, milliseconds */
  delayMs(hasDied: boolean): number {
    const servedMs = this.hasServed ? this.#clock.now() - this.#readyAt : 0;
    const isQuick = hasDied && servedMs <= PROVEN_AFTER_MS;
    this.#quickDeaths = isQuick ? this.#quickDeaths + 1 : 0;
    if (!isQuick) return 0;
    const grown = BACK_OFF_MS.first * 2 ** (this.#quickDeaths - 1);
    return Math.min(grown, BACK_OFF_MS.longest);
  }
}
