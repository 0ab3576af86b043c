import { describe, expect, it } from "vitest";
import {
  evenOut,
  LoadWatch,
  refill,
  relieve,
} from "../../../../src/main/handover/rebalance.ts";

const weight = (load: number, utilization = 0) => ({ load, utilization });

describe("evening out", () => {
  it.each([
    [[21, 0], 10],
    [[5, 5, 5], 0],
    [[10, 0, 2], 6],
    [[1, 0], 0],
  ])("moves as few of %j as it takes", (loads, moved) => {
    const after = [...loads];
    let count = 0;
    for (const shift of evenOut(loads)) {
      (after[shift.from] as number) -= shift.count;
      (after[shift.to] as number) += shift.count;
      count += shift.count;
    }
    expect(count).toBe(moved);
    expect(Math.max(...after) - Math.min(...after)).toBeLessThanOrEqual(1);
  });
});

describe("a busy shard", () => {
  it("gives a few of its connections to the idlest", () => {
    const weights = [weight(100, 0.4), weight(100, 0.9), weight(100, 0.1)];
    expect(relieve(weights, 0.3)).toEqual({ from: 1, to: 2, count: 5 });
  });

  it("keeps them while it differs by no more than the bound", () => {
    expect(relieve([weight(100, 0.5), weight(100, 0.2)], 0.3)).toBeUndefined();
  });

  it("keeps its only connection", () => {
    expect(relieve([weight(1, 1), weight(0, 0)], 0.3)).toBeUndefined();
  });
});

describe("a shard that has become empty", () => {
  it("is given some of the fullest shard's connections", () => {
    const weights = [weight(0), weight(400), weight(900)];
    expect(refill(weights, 0.3)).toEqual({ from: 2, to: 0, count: 45 });
  });

  it("is given none that would only go back and forth", () => {
    expect(refill([weight(3), weight(4)], 0)).toBeUndefined();
    expect(refill([weight(2), weight(4)], 0)?.count).toBe(1);
  });

  it("has its share again within the bound", () => {
    expect(refill([weight(70), weight(100)], 0.3)).toBeUndefined();
  });
});

describe("watching the load", () => {
  const busy = [weight(100, 0.9), weight(100, 0.1)];
  const even = [weight(100, 0.5), weight(100, 0.5)];
  const lopsided = [weight(200), weight(0)];

  it("moves some once three looks in a row have found the difference", () => {
    const watch = new LoadWatch(0.3);
    const looks = [busy, busy, even, busy, busy, busy, busy].map((weights) =>
      watch.look(weights, true, 0),
    );
    expect(looks.map((shift) => shift?.count)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      5,
      undefined,
    ]);
  });

  it("leaves idle shards alone, however many connections they have", () => {
    const watch = new LoadWatch(0.3);
    for (let look = 0; look < 5; look++)
      expect(watch.look(lopsided, true, 0)).toBeUndefined();
  });

  it("refills a shard that was replaced, once it takes connections", () => {
    const watch = new LoadWatch(0.3);
    expect(watch.look([weight(200)], false, 1)).toBeUndefined();
    const loads = [200, 0];
    let looks = 0;
    for (;;) {
      const shift = watch.look(
        loads.map((load) => weight(load)),
        true,
        1,
      );
      if (shift === undefined) break;
      looks++;
      (loads[shift.from] as number) -= shift.count;
      (loads[shift.to] as number) += shift.count;
    }
    expect(looks).toBeGreaterThan(3);
    expect(loads[1]).toBeGreaterThan(70);
    // What differs later for another reason is left alone.
    expect(watch.look(lopsided, true, 1)).toBeUndefined();
  });
});
