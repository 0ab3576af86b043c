/** What the replies of one phase took. */
import { LatencyHistogram } from "../measure/histogram.ts";

/** Milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What was measured in one phase. */
export interface Latencies {
  /** Of every message. */
  readonly messages: Quantiles;
  /** Of each client's slowest message in each operation: what one client notices of one of them. */
  readonly slowest: Quantiles;
  readonly count: number;
}

/** Counts from sending to reply, for messages that were sent in the same phase. */
export class Meter {
  readonly #messages = new LatencyHistogram();
  readonly #slowest = new LatencyHistogram();
  /** By client, in the operation under way. */
  readonly #worst = new Map<number, number>();

  record(client: number, micros: number): void {
    this.#messages.record(micros);
    if (micros > (this.#worst.get(client) ?? 0))
      this.#worst.set(client, micros);
  }

  /** An operation is over, and its last reply has come. */
  operationEnded(): void {
    for (const micros of this.#worst.values()) this.#slowest.record(micros);
    this.#worst.clear();
  }

  get latencies(): Latencies {
    return {
      messages: quantiles(this.#messages),
      slowest: quantiles(this.#slowest),
      count: this.#messages.count,
    };
  }
}

function quantiles(histogram: LatencyHistogram): Quantiles {
  const { p50, p99, max } = histogram.summary();
  return { p50: p50 / 1000, p99: p99 / 1000, max: max / 1000 };
}
