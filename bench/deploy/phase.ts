import { setTimeout as after } from "node:timers/promises";
import { type Latencies, Meter } from "./meter.ts";
import type { Tally } from "./tally.ts";

/** Before an operation: what the one before it has left behind is over. */
const PAUSE_MS = 250;
/** Replies that an operation has delayed have come by then. */
const ECHO_MS = 250;

/** What operations of one kind have cost the clients. */
export interface PhaseResult {
  readonly name: string;
  readonly times: number;
  /** One operation, on average, milliseconds. */
  readonly tookMs: number;
  readonly latencies: Latencies;
}

/** Operations of one kind, and the messages that are sent while one is under way. */
export class Phase {
  readonly #name: string;
  readonly #tally: Tally;
  readonly #meter = new Meter();
  #times = 0;
  #tookMs = 0;

  constructor(name: string, tally: Tally) {
    this.#name = name;
    this.#tally = tally;
  }

  async run(operation: () => Promise<unknown>): Promise<void> {
    await after(PAUSE_MS);
    const startedAt = performance.now();
    this.#tally.meter = this.#meter;
    await operation();
    this.#tally.meter = undefined;
    this.#tookMs += performance.now() - startedAt;
    this.#times++;
    await after(ECHO_MS);
    this.#meter.operationEnded();
  }

  get result(): PhaseResult {
    return {
      name: this.#name,
      times: this.#times,
      tookMs: this.#tookMs / Math.max(1, this.#times),
      latencies: this.#meter.latencies,
    };
  }
}
