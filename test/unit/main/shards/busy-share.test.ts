import { expect, it } from "vitest";
import { busyShare } from "../../../../src/main/shards/busy-share.ts";
import { ShardCounters } from "../../../../src/protocol/shard-counters.ts";

it("a blocked shard is busy all the time, whatever it has measured before", () => {
  const counters = new ShardCounters();
  counters.set("utilization", 0.02);
  expect(busyShare({ isBlocked: false, counters })).toBe(0.02);
  expect(busyShare({ isBlocked: true, counters })).toBe(1);
});
