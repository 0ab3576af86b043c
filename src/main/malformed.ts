import { channel } from "node:diagnostics_channel";
import { channels } from "../protocol/channels.ts";
import { monotonicNow } from "../protocol/clock.ts";

/** Whose messages are checked: those of this server's shards, of other instances, of the process before or after. */
export const borders = ["shard", "instance", "process"] as const;
export type Border = (typeof borders)[number];

/** A border that is flooded is spoken of so often, however much comes. */
const REPORT_EVERY_MS = 10_000;

interface Tally {
  count: number;
  reported: number;
  reportedAt: number;
}

/** Counts what came over a border and was dropped because it is not what may come there. */
export class Malformed {
  readonly #now: () => number;
  readonly #tallies: Readonly<Record<Border, Tally>> = {
    shard: { count: 0, reported: 0, reportedAt: -Infinity },
    instance: { count: 0, reported: 0, reportedAt: -Infinity },
    process: { count: 0, reported: 0, reportedAt: -Infinity },
  };

  constructor(now = monotonicNow) {
    this.#now = now;
  }

  /** Dropped since the start, by border. */
  get counts(): Record<Border, number> {
    const { shard, instance, process } = this.#tallies;
    return {
      shard: shard.count,
      instance: instance.count,
      process: process.count,
    };
  }

  /** @param what - That was dropped, in a few words. */
  dropped(border: Border, what: string): void {
    const tally = this.#tallies[border];
    tally.count++;
    const now = this.#now();
    if (now - tally.reportedAt < REPORT_EVERY_MS) return;
    const dropped = tally.count - tally.reported;
    tally.reported = tally.count;
    tally.reportedAt = now;
    channel(channels.server).publish({
      event: "malformed",
      border,
      what,
      dropped,
    });
  }
}
