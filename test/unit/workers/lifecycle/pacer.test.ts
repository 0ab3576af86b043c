import { describe, expect, it } from "vitest";
import type { DrainPlan } from "../../../../src/protocol/messages.ts";
import { paceOf } from "../../../../src/workers/lifecycle/pacer.ts";

const NOW = 50_000;

function plan(details: Partial<DrainPlan> = {}): DrainPlan {
  return {
    deadline: NOW + 8_000,
    closeCode: 1001,
    rate: "auto",
    retryMinMs: 0,
    retrySpreadMs: "auto",
    shards: 1,
    turn: 0,
    ...details,
  };
}

describe("the pace of a farewell", () => {
  it("tells everyone at once when the rate is unlimited", () => {
    const { windowMs } = paceOf(9_999, plan({ rate: "unlimited" }), NOW);
    expect(windowMs).toBe(0);
  });

  it("follows a rate over all shards together", () => {
    // 2 shards with 500 each, 1,000 a second: one second.
    const given = plan({ rate: 1_000, shards: 2 });
    expect(paceOf(500, given, NOW).windowMs).toBe(1_000);
  });

  it("takes at most half of the time that is left, whatever the rate", () => {
    expect(paceOf(1_000, plan({ rate: 1 }), NOW).windowMs).toBe(4_000);
    expect(paceOf(1_000_000, plan(), NOW).windowMs).toBe(4_000);
  });

  it("waits for nothing when no time is left", () => {
    const late = plan({ deadline: NOW - 100, rate: 1 });
    expect(paceOf(1_000, late, NOW).windowMs).toBe(0);
  });

  it("works the pace out from the number of connections", () => {
    expect(paceOf(2_000, plan(), NOW).windowMs).toBe(1_000);
    expect(paceOf(20, plan(), NOW).windowMs).toBe(10);
  });

  it("spreads the times to come back evenly over the window", () => {
    const given = plan({ retryMinMs: 500, retrySpreadMs: 10_000 });
    const pace = paceOf(1_000, given, NOW);
    const times = Array.from({ length: 1_000 }, (_, i) => pace.retryAfterMs(i));
    expect(times[0]).toBe(505);
    expect(times.at(-1)).toBe(10_495);
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] as number)).toBe(10);
  });

  it("gives each client of each shard a time of its own", () => {
    const shards = 3;
    const times = [0, 1, 2].flatMap((turn) => {
      const given = plan({ retrySpreadMs: 30_000, shards, turn });
      const pace = paceOf(1_000, given, NOW);
      return Array.from({ length: 1_000 }, (_, i) => pace.retryAfterMs(i));
    });
    expect(new Set(times).size).toBe(3_000);
  });

  it("makes room for 500 clients a second, and a second for the fewest", () => {
    const last = (count: number): number =>
      paceOf(count, plan(), NOW).retryAfterMs(count - 1);
    expect(last(1)).toBe(500);
    expect(last(10)).toBe(950);
    expect(last(5_000)).toBeGreaterThan(9_990);
    expect(last(5_000)).toBeLessThanOrEqual(10_000);
  });

  it("has a time to come back also for one that was not counted", () => {
    const pace = paceOf(0, plan(), NOW);
    expect(pace.windowMs).toBe(0);
    expect(pace.retryAfterMs(0)).toBeGreaterThanOrEqual(0);
    expect(pace.retryAfterMs(0)).toBeLessThanOrEqual(1_000);
  });
});
