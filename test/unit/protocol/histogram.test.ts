import { describe, expect, it } from "vitest";
import {
  bucketCeilingMs,
  bucketOf,
  HISTOGRAM_SLOTS,
  summarize,
} from "../../../src/protocol/histogram.ts";

function histogramOf(durations: readonly number[]): number[] {
  const buckets = Array.from({ length: HISTOGRAM_SLOTS }, () => 0);
  for (const duration of durations) (buckets[bucketOf(duration)] as number)++;
  return buckets;
}

describe("the histogram", () => {
  it.each([0.001, 0.0137, 0.5, 1, 7.77, 100, 4096, 65_432.1, 3_600_000])(
    "knows %d ms to within an eighth, and never says less",
    (duration) => {
      const ceiling = bucketCeilingMs(bucketOf(duration));
      expect(ceiling).toBeGreaterThanOrEqual(duration);
      // Whole microseconds are counted: below 8 µs they are the limit.
      expect(ceiling).toBeLessThanOrEqual(Math.max(duration * 1.13, 0.016));
    },
  );

  it.each([
    ["no time at all", 0],
    ["a clock that went backwards", -5],
  ])("counts %s as the shortest", (_, duration) => {
    expect(bucketOf(duration)).toBe(0);
  });

  it.each([10 ** 9, Number.MAX_VALUE, Infinity])(
    "counts %d ms as the longest it knows",
    (duration) => {
      expect(bucketOf(duration)).toBe(HISTOGRAM_SLOTS - 1);
    },
  );

  it("puts longer durations into higher buckets", () => {
    const buckets = Array.from({ length: 2000 }, (_, i) => bucketOf(1.01 ** i));
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  });

  it("gives percentiles as ceilings of their buckets, and the maximum as it was", () => {
    const durations = Array.from({ length: 1000 }, (_, i) => i + 1);
    const { count, p50Ms, p99Ms, maxMs } = summarize(
      histogramOf(durations),
      1000,
    );
    expect(count).toBe(1000);
    expect(p50Ms).toBeGreaterThanOrEqual(500);
    expect(p50Ms).toBeLessThanOrEqual(565);
    expect(p99Ms).toBeGreaterThanOrEqual(990);
    expect(p99Ms).toBeLessThanOrEqual(1115);
    expect(maxMs).toBe(1000);
  });

  it("says of no percentile that it was longer than the longest", () => {
    expect(summarize(histogramOf([100.1]), 100.1)).toEqual({
      count: 1,
      p50Ms: 100.1,
      p99Ms: 100.1,
      maxMs: 100.1,
    });
  });

  it("says nothing of an empty one", () => {
    expect(summarize(histogramOf([]), 0)).toEqual({
      count: 0,
      p50Ms: 0,
      p99Ms: 0,
      maxMs: 0,
    });
  });
});
