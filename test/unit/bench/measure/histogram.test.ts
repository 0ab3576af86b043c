import { array, assert, double, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { LatencyHistogram } from "../../../../bench/measure/histogram.ts";

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe("a latency histogram", () => {
  it("gives the quantiles of a known distribution within one percent", () => {
    const histogram = histogramOf(
      Array.from({ length: 10_000 }, (_, index) => index + 1),
    );
    const { p50, p99, p999, max } = histogram.summary();
    expect(Math.abs(p50 / 5000 - 1)).toBeLessThan(0.01);
    expect(Math.abs(p99 / 9900 - 1)).toBeLessThan(0.01);
    expect(Math.abs(p999 / 9990 - 1)).toBeLessThan(0.01);
    expect(max).toBe(10_000);
  });

  it("counts a value as often as it is told to", () => {
    const histogram = new LatencyHistogram();
    histogram.record(10, 99);
    histogram.record(1000, 1);
    expect(histogram.count).toBe(100);
    expect(histogram.quantile(0.99)).toBe(10);
    expect(histogram.quantile(1)).toBe(1000);
  });

  it("is empty after a reset", () => {
    const histogram = histogramOf([1, 2, 3]);
    histogram.reset();
    expect(histogram.count).toBe(0);
    expect(histogram.summary()).toEqual({ p50: 0, p99: 0, p999: 0, max: 0 });
  });

  it("takes a clock that stepped back as zero", () => {
    expect(histogramOf([-5]).quantile(0.5)).toBe(0);
  });

  it("never strays from the exact quantile by 1 % or 1/8 µs", () => {
    const micros = double({ min: 0, max: 6e7, noNaN: true });
    const anyShare = double({ min: 0, max: 1, noNaN: true });
    assert(
      property(array(micros, { minLength: 1 }), anyShare, (values, share) => {
        const sorted = values.toSorted((a, b) => a - b);
        const rank = Math.max(1, Math.ceil(share * values.length));
        const exact = sorted[rank - 1] ?? 0;
        const measured = histogramOf(values).quantile(share);
        expect(Math.abs(measured - exact)).toBeLessThanOrEqual(
          Math.max(exact * 0.01, 0.125),
        );
      }),
    );
  });
});
