import { describe, expect, it } from "vitest";
import { judge, type Pair } from "../../../bench/guard-verdict.ts";

const LIMIT = 1.15;

/** A pair in which we needed so many times what the other server did. */
function pair(ratio: number, disturbed: readonly string[] = []): Pair {
  return {
    own: { metrics: { cpuMicros: 40 * ratio }, disturbed },
    reference: { metrics: { cpuMicros: 40 }, disturbed: [] },
  };
}

const failed: Pair = {
  own: { metrics: {}, disturbed: [], failed: "it did not start" },
  reference: { metrics: { cpuMicros: 40 }, disturbed: [] },
};
const noisy = (ratio: number): Pair => pair(ratio, ["somebody else used it"]);

/** Measures until it can be said; what is measured goes round. */
function verdictOn(...rounds: readonly Pair[]): ReturnType<typeof judge> {
  const measured: Pair[] = [];
  for (;;) {
    measured.push(rounds[measured.length % rounds.length] as Pair);
    const verdict = judge(measured, "cpuMicros", LIMIT);
    if (!verdict.isOpen) return verdict;
  }
}

describe("the guard of the benchmark", () => {
  it("is content with two pairs within the limit", () => {
    expect(verdictOn(pair(0.98), pair(1.02))).toMatchObject({
      pairs: 2,
      isWithin: true,
    });
  });

  it("never says of one pair alone that it is within", () => {
    expect(judge([pair(0.5)], "cpuMicros", LIMIT)).toMatchObject({
      isWithin: false,
      isOpen: true,
    });
  });

  it("measures on where the first pairs were over it, and lets all of them count", () => {
    const verdict = verdictOn(pair(1.5), pair(1.4), pair(1), pair(1), pair(1));
    expect(verdict).toMatchObject({ ratio: 1, pairs: 5, isWithin: true });
  });

  it("notices a server that has become slower, however often it measures", () => {
    expect(verdictOn(pair(1.25), pair(1.12), pair(1.2))).toMatchObject({
      pairs: 9,
      isWithin: false,
    });
  });

  it("does not count what others have disturbed, once enough was not", () => {
    const verdict = verdictOn(
      noisy(1.6),
      noisy(1.7),
      pair(1),
      pair(1),
      pair(1),
    );
    expect(verdict).toMatchObject({ ratio: 1, pairs: 3, isWithin: true });
  });

  it("counts everything on a machine that is never left alone", () => {
    expect(verdictOn(noisy(1.3))).toMatchObject({ pairs: 9, isWithin: false });
    expect(verdictOn(noisy(1.1))).toMatchObject({ pairs: 2, isWithin: true });
  });

  it("says nothing of a server that did not run, but that it is not within", () => {
    expect(verdictOn(failed)).toMatchObject({
      ratio: undefined,
      pairs: 0,
      isWithin: false,
    });
  });
});
