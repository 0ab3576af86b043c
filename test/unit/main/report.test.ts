import { describe, expect, it } from "vitest";
import { connectionTable } from "../../../src/machines/connection-table.ts";
import {
  describeEnd,
  isBalanced,
  readCloseCodes,
  readDurations,
  readLedger,
  takeStanding,
} from "../../../src/main/report.ts";
import {
  type CounterName,
  ShardCounters,
} from "../../../src/protocol/shard-counters.ts";

function counters(values: Partial<Record<CounterName, number>>): ShardCounters {
  const shard = new ShardCounters();
  for (const [name, value] of Object.entries(values))
    shard.set(name as CounterName, value);
  return shard;
}

describe("the ledger", () => {
  const shards = [
    counters({
      handed: 19,
      rejected: 1,
      served: 4,
      cut: 2,
      requests: 9,
      answers: 7,
      abandoned: 1,
      opened: 8,
      clean: 5,
      lost: 1,
      forced: 1,
      crashed: 1,
    }),
    counters({ handed: 4, opened: 3, clean: 1, unacknowledged: 1 }),
  ];
  const plainAt = connectionTable.states.findIndex(
    ({ name }) => name === "plain.answering",
  );
  (shards[0] as ShardCounters).states[plainAt] = 3;

  it("adds the shards up, with what main itself refused", () => {
    expect(readLedger(shards, 3)).toEqual({
      accepted: 26,
      movedIn: 0,
      movedOut: 0,
      upgrading: 1,
      plain: 3,
      probes: 0,
      requests: 9,
      answers: 7,
      opened: 11,
      live: 1,
      outcomes: {
        rejected: 5,
        served: 4,
        cut: 2,
        clean: 6,
        unacknowledged: 1,
        forced: 1,
        lost: 1,
        crashed: 1,
      },
    });
  });

  it("is balanced once nothing is live and each connection has its outcome", () => {
    const ended = [
      counters({
        handed: 6,
        rejected: 1,
        served: 2,
        cut: 1,
        opened: 2,
        clean: 2,
      }),
    ];
    expect(isBalanced(readLedger(ended, 4))).toBe(true);
  });

  it("counts who only asked how the server is for itself", () => {
    const probed = [counters({ handed: 5, probes: 3, opened: 2, clean: 2 })];
    const ledger = readLedger(probed, 0);
    expect(ledger).toMatchObject({ probes: 3, outcomes: { rejected: 0 } });
    expect(isBalanced(ledger)).toBe(true);
  });

  it("tells a shutdown from the life before it", () => {
    const shard = counters({
      handed: 111,
      opened: 105,
      rejected: 5,
      lost: 90,
      crashed: 5,
    });
    shard.closeCodes[1006] = 95;
    shard.addVisit(0, 8);
    shard.addVisit(1, 600_000);
    const read = () => readLedger([shard], 0);
    const begun = takeStanding(read(), {
      counters: [shard],
      kills: 1,
      crashes: 4,
    });
    // One that was in its handshake opens, one is refused, and all are told to go.
    shard.add("opened");
    shard.add("handed");
    shard.add("rejected");
    shard.add("clean", 9);
    shard.add("forced", 2);
    shard.closeCodes[1001] = 9;
    shard.closeCodes[1006] = 97;
    shard.addVisit(1, 2);
    shard.addVisit(1, 4);
    const report = describeEnd(
      read(),
      { counters: [shard], kills: 1, stuck: 0, crashes: 5 },
      begun,
      { reason: "SIGTERM", durationMs: 10, deadlineMs: 100 },
    );
    expect(report.shutdown).toEqual({
      live: 10,
      accepted: 1,
      rejected: 1,
      probes: 0,
      requests: 0,
      answers: 0,
      opened: 1,
      movedIn: 0,
      movedOut: 0,
      outcomes: {
        rejected: 1,
        served: 0,
        cut: 0,
        clean: 9,
        unacknowledged: 0,
        forced: 2,
        lost: 0,
        crashed: 0,
      },
      closeCodes: { 1001: 9, 1006: 2 },
      shardsKilled: 0,
      shardsCrashed: 1,
      states: {
        "open.healthy": { count: 2, p50Ms: 2.048, p99Ms: 4.096, maxMs: 4.096 },
      },
    });
    expect(report.states["open.healthy"]).toMatchObject({ maxMs: 600_000 });
    expect(report.states["upgrading.handshaking"]?.maxMs).toBe(8);
    expect(report).toMatchObject({
      opened: 106,
      outcomes: { lost: 90, crashed: 5, clean: 9 },
      shardsCrashed: 5,
      balanced: true,
    });
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
    one.addVisit(0, 8);
    two.addVisit(0, 8);
    const durations = readDurations([one, two]);
    expect(Object.keys(durations)).toEqual(["upgrading.handshaking"]);
    expect(durations["upgrading.handshaking"]?.count).toBe(2);
    expect(durations["upgrading.handshaking"]?.p50Ms).toBe(8);
    expect(durations["upgrading.handshaking"]?.maxMs).toBe(8);
  });
});
