import { existsSync, readFileSync } from "node:fs";
import { transformSync } from "esbuild";
import { describe, expect, it } from "vitest";
import type { Defect } from "./defect.ts";
import { defects } from "./defects.ts";
import { seed } from "./seed.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** So many are made again each day, at the same time. */
const AGAIN = 3;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** All of them together, also where the machine is busy with something else; they take seconds. */
const TIME_LIMIT_MS = 120_000;

/** Noticed in seconds, and the same each time: by unit tests alone. */
const quick = defects.filter(({ suites }) =>
  suites.every((path) => path.startsWith("test/unit/")),
);

/** Those of today: each has its turn after so many days, whatever has happened meanwhile. */
function ofToday(): readonly Defect[] {
  const today = Math.floor(Date.now() / DAY_MS);
  return Array.from(
    { length: AGAIN },
    (_, at) => quick[(today * AGAIN + at) % quick.length] as Defect,
  );
}

describe("the seeded defects", () => {
  it.each(defects)(
    "can still be made: $rule",
    ({ file, original, defective }) => {
      const source = read(file);
      expect(source.split(original)).toHaveLength(2);
      const spoiled = source.replace(original, () => defective);
      expect(spoiled).not.toBe(source);
      // Code that cannot be loaded is noticed by whatever loads it.
      expect(() => transformSync(spoiled, { loader: "ts" })).not.toThrow();
    },
  );

  it.each(defects)("is for tests that there are: $rule", ({ suites }) => {
    const missing = suites.filter(
      (path) => !existsSync(new URL(`../../${path}`, import.meta.url)),
    );
    expect(missing).toEqual([]);
  });

  it.each(defects)("has been noticed: $rule", ({ rule }) => {
    const rows = read("docs/proof.md")
      .replaceAll(/ +/g, " ")
      .split("\n")
      .filter((line) => line.startsWith(`| ${rule} |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).not.toContain("**nobody**");
  });

  it(
    `are noticed again: ${AGAIN} of ${quick.length} that are noticed by unit tests, others each day`,
    async () => {
      const chosen = ofToday();
      for (const { rule } of chosen)
        console.log(`made again: node property-tests/seeded/run.ts "${rule}"`);
      const signal = AbortSignal.timeout(TIME_LIMIT_MS);
      const results = await Promise.all(
        chosen.map((defect) => seed(defect, signal)),
      );
      const unnoticed = results
        .filter(({ caughtBy }) => caughtBy.length === 0)
        .map(({ defect: { rule, suites }, isCutShort }) =>
          isCutShort
            ? `"${rule}": no answer in ${TIME_LIMIT_MS / 1000} s from ${suites.join(", ")}`
            : `"${rule}": not noticed by ${suites.join(", ")}`,
        );
      expect(unnoticed).toEqual([]);
    },
    TIME_LIMIT_MS * 1.5,
  );
});
