import { describe, expect, it } from "vitest";
import {
  isBalanced,
  readCloseCodes,
  readDurations,
  readLedger,
} from "../../src/main/report.ts";
import { bucketOf } from "../../src/protocol/histogram.ts";
import {
  type CounterName,
  ShardCounters,
} from "../../src/protocol/shard-counters.ts";

function counters(values: Partial<Record<CounterName, number>>): ShardCounters {
  const shard = new ShardCounters();
  for (const [name, value] of Object.entries(values))
    shard.set(name as CounterName, value);
  return shard;
}

describe("the ledger", () => {
  const shards = [
    counters({
      handed: 10,
      rejected: 1,
      abandoned: 1,
      opened: 8,
      clean: 5,
      lost: 1,
      forced: 1,
      crashed: 1,
    }),
    counters({ handed: 4, opened: 3, clean: 1, unacknowledged: 1 }),
  ];

  it("adds the shards up, with what main itself refused", () => {
    expect(readLedger(shards, 3)).toEqual({
      accepted: 17,
      movedIn: 0,
      movedOut: 0,
      upgrading: 1,
      opened: 11,
      live: 1,
      outcomes: {
        rejected: 5,
        clean: 6,
        unacknowledged: 1,
        forced: 1,
        lost: 1,
        crashed: 1,
      },
    });
  });

  it("is balanced once nothing is live and each connection has its outcome", () => {
    const ended = [counters({ handed: 3, rejected: 1, opened: 2, clean: 2 })];
    expect(isBalanced(readLedger(ended, 4))).toBe(true);
  });

  it.each<[string, Partial<Record<CounterName, number>>]>([
    ["while one is live", { handed: 2, opened: 2, clean: 1 }],
    ["while one upgrades", { handed: 3, opened: 2, clean: 2 }],
    ["when one has two outcomes", { handed: 1, opened: 1, clean: 1, lost: 1 }],
    ["when one opened that never came", { handed: 1, opened: 2, clean: 2 }],
  ])("is not balanced %s", (_, values) => {
    expect(isBalanced(readLedger([counters(values)], 0))).toBe(false);
  });

  it("counts close codes over all shards, in ascending order", () => {
    const [one, two] = [counters({}), counters({})];
    one.closeCodes[1001] = 2;
    one.closeCodes[4999] = 1;
    two.closeCodes[1001] = 3;
    two.closeCodes[1000] = 1;
    expect(Object.entries(readCloseCodes([one, two]))).toEqual([
      ["1000", 1],
      ["1001", 5],
      ["4999", 1],
    ]);
  });

  it("knows the time spent in each state but the last", () => {
    const [one, two] = [counters({}), counters({})];
    one.addVisit(0, bucketOf(8));
    two.addVisit(0, bucketOf(8));
    const durations = readDurations([one, two]);
    expect(Object.keys(durations)).toEqual(["upgrading.handshaking"]);
    expect(durations["upgrading.handshaking"]?.count).toBe(2);
    expect(durations["upgrading.handshaking"]?.p50Ms).toBeGreaterThanOrEqual(8);
    expect(durations["upgrading.handshaking"]?.p50Ms).toBeLessThanOrEqual(9.3);
  });
});
