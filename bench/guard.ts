/**
 * The check for CI: a few ratios to `ws`, measured in the same run, against
 * limits with generous room. It is a benchmark and not a timed test: no
 * absolute time is looked at, and a ratio must be over its limit several times
 * in a row before it counts.
 */
import { selectCases } from "./cases/index.ts";
import type { RunContext } from "./cases/case.ts";
import { significant } from "./report/metrics.ts";
import { ratioTo } from "./report/summary.ts";
import { runCase } from "./runner.ts";

/** The most that Sluice's CPU may be of that of `ws`, by case. */
const guardedRatios: Readonly<Record<string, number>> = {
  "echo-1": 1.15,
  "echo-16": 0.25,
  "echo-64k": 0.9,
  churn: 1.15,
};

const attempts = 3;
const roundsPerAttempt = 2;
const measureMs = 600;
const warmupMs = 500;

/**
 * Runs the check and prints what it finds.
 *
 * @param run - Cores and files.
 * @returns Whether every ratio was within its limit at least once.
 */
export async function guard(run: RunContext): Promise<boolean> {
  console.log("Server CPU beside ws in the same run:");
  const context = { ...run, measureMs, warmupMs };
  let withinAll = true;
  for (const benchCase of selectCases(Object.keys(guardedRatios))) {
    const limit = guardedRatios[benchCase.name] ?? Infinity;
    let within = false;
    for (let attempt = 1; attempt <= attempts && !within; attempt++) {
      const result = await runCase(benchCase, context, {
        rounds: roundsPerAttempt,
        servers: ["sluice", "ws"],
        onTurn: ({ contender, result: { failed } }) => {
          if (failed !== undefined) console.log(`${contender.id}: ${failed}`);
        },
      });
      const ratio = ratioTo(result, "sluice", "ws")?.median;
      within = ratio !== undefined && ratio <= limit;
      console.log(
        `${benchCase.name}: ${ratio === undefined ? "no result" : significant(ratio)} × ws, ` +
          `at most ${limit}: ${within ? "ok" : `attempt ${attempt} of ${attempts}`}`,
      );
    }
    withinAll &&= within;
  }
  return withinAll;
}
