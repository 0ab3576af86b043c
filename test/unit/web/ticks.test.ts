import { describe, expect, it } from "vitest";
import { timeTicks, valueTicks } from "../../../web/parts/ticks.ts";

const MINUTE = 60_000;

describe("the ticks of the plots over time", () => {
  it("stand at round moments, no closer than there is room for", () => {
    const { at, stepMs } = timeTicks(12_345, 12_345 + 10 * MINUTE, 6);
    expect(stepMs).toBe(2 * MINUTE);
    expect(at).toEqual([120_000, 240_000, 360_000, 480_000, 600_000]);
    expect(timeTicks(1_500, 61_500, 7).stepMs).toBe(10_000);
    expect(timeTicks(0, MINUTE, 2).at).toEqual([0, 30_000, 60_000]);
  });

  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [7, [0, 2, 4, 6, 8]],
    [130, [0, 50, 100, 150]],
    [10_000, [0, 5_000, 10_000]],
  ])("stand at round values up to %i", (greatest, ticks) => {
    expect(valueTicks(greatest, 4)).toEqual(ticks);
  });
});
