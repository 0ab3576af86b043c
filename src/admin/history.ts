import type { Sample, Status } from "./api.ts";

const KEPT_SAMPLES = 600;

/**
 * The last ten minutes, a sample a second. Nothing is sampled while nobody
 * looks: times without samples are a gap.
 */
export class History {
  readonly #samples: Sample[] = [];
  #previous: Status | undefined;

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Nobody looks any more: the next sample begins anew. */
  pause(): void {
    this.#previous = undefined;
  }

  /** @returns the sample; undefined for the first, from which rates are counted */
  add(status: Status): Sample | undefined {
    const previous = this.#previous;
    this.#previous = status;
    if (previous === undefined) return undefined;
    const seconds = Math.max(0.001, (status.at - previous.at) / 1000);
    const rate = (read: (of: Status) => number): number =>
      Math.max(0, (read(status) - read(previous)) / seconds);
    const sample: Sample = {
      at: status.at,
      states: sumStates(status),
      acceptsPerSecond: rate(({ ledger }) => ledger.accepted),
      messagesInPerSecond: rate((of) => sum(of, "messagesIn")),
      messagesOutPerSecond: rate((of) => sum(of, "messagesOut")),
      loopDelayP99Ms: Math.max(
        0,
        ...status.shards.map(({ loopDelayP99Ms = 0 }) => loopDelayP99Ms),
      ),
    };
    this.#samples.push(sample);
    if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
    return sample;
  }
}

function sum(
  { shards }: Status,
  counter: "messagesIn" | "messagesOut",
): number {
  return shards.reduce((total, shard) => total + shard[counter], 0);
}

function sumStates({ shards }: Status): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { states } of shards)
    for (const [state, count] of Object.entries(states))
      total[state] = (total[state] ?? 0) + count;
  return total;
}
