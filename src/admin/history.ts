import type { Sample, Status } from "./api.ts";

const KEPT_MS = 600_000;

/** The last ten minutes, in samples that are closer while somebody looks. */
export class History {
  readonly #samples: Sample[] = [];
  #previous: Status | undefined;

  get samples(): readonly Sample[] {
    return this.#samples;
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
      loopDelayP99Ms: worst(status.shards),
    };
    this.#samples.push(sample);
    const isPast = (kept: Sample | undefined): boolean =>
      kept !== undefined && status.at - kept.at > KEPT_MS;
    while (isPast(this.#samples[0])) this.#samples.shift();
    return sample;
  }
}

/** The worst of the delays that are measured. */
function worst(shards: Status["shards"]): number | undefined {
  const delays = shards
    .map(({ loopDelayP99Ms }) => loopDelayP99Ms)
    .filter((delay) => delay !== undefined);
  return delays.length === 0 ? undefined : Math.max(...delays);
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
