import { describe, expect, it } from "vitest";
import {
  median,
  pairedRatio,
  spread,
} from "../../../../bench/measure/statistics.ts";

describe("the median", () => {
  it("is the middle of an odd number of values, in whatever order", () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it("is the mean of the two in the middle of an even number", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it("of nothing is refused", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("the spread", () => {
  it("has the extremes beside the median", () => {
    expect(spread([3, 1, 10])).toEqual({ median: 3, lowest: 1, highest: 10 });
  });
});

describe("paired ratios", () => {
  it("compare what was measured in the same round", () => {
    // The machine was half as fast in the second round, for both.
    expect(pairedRatio([2, 4], [4, 8])?.median).toBe(0.5);
  });

  it("leave out rounds in which either failed", () => {
    const ratio = pairedRatio([1, undefined, 3], [2, 2, undefined]);
    expect(ratio).toEqual({ median: 0.5, lowest: 0.5, highest: 0.5 });
  });

  it("do not exist without a complete round", () => {
    expect(pairedRatio([1], [undefined])).toBeUndefined();
    expect(pairedRatio([1], [0])).toBeUndefined();
  });
});
