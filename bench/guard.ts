/**
 * The check for CI: a few ratios to `ws`, measured in the same run, against
 * limits with generous room. It is a benchmark and not a timed test: no
 * absolute time is looked at, and what is over its limit is measured on, until
 * the median of many pairs of rounds says so.
 */
import { selectCases } from "./cases/index.ts";
import type { BenchCase, RunContext } from "./cases/case.ts";
import { judge, type Pair, type Verdict } from "./guard-verdict.ts";
import { significant } from "./report/metrics.ts";
import { runCase } from "./runner.ts";

/** The most that Sluice's CPU may be of that of `ws`, by case. */
const guardedRatios: Readonly<Record<string, number>> = {
  "echo-1": 1.15,
  "echo-16": 0.25,
  "echo-64k": 0.9,
  churn: 1.15,
};

const measureMs = 600;
const warmupMs = 500;

/**
 * Runs the check and prints what it finds.
 *
 * @param run - Cores and files.
 * @returns Whether every ratio was within its limit.
 */
export async function guard(run: RunContext): Promise<boolean> {
  console.log("Server CPU beside ws in the same run:");
  const context = { ...run, measureMs, warmupMs };
  let withinAll = true;
  for (const benchCase of selectCases(Object.keys(guardedRatios))) {
    const limit = guardedRatios[benchCase.name] ?? Infinity;
    const { isWithin } = await guardCase(benchCase, context, limit);
    withinAll &&= isWithin;
  }
  return withinAll;
}

async function guardCase(
  benchCase: BenchCase,
  context: RunContext,
  limit: number,
): Promise<Verdict> {
  const pairs: Pair[] = [];
  for (;;) {
    // Each begins every other pair: whoever is second finds the machine warmer.
    const isTurned = pairs.length % 2 === 1;
    pairs.push(await measurePair(benchCase, context, isTurned));
    const verdict = judge(pairs, benchCase.columns[0], limit);
    if (verdict.isOpen) continue;
    const { ratio, isWithin } = verdict;
    console.log(
      `${benchCase.name}: ${ratio === undefined ? "no result" : significant(ratio)} × ws, ` +
        `at most ${limit}: ${isWithin ? "ok" : "over its limit"}, ` +
        `by ${verdict.pairs} of ${pairs.length} pairs of rounds`,
    );
    return verdict;
  }
}

async function measurePair(
  benchCase: BenchCase,
  context: RunContext,
  isTurned: boolean,
): Promise<Pair> {
  const { contenders } = benchCase;
  const result = await runCase(
    {
      ...benchCase,
      contenders: isTurned ? contenders.toReversed() : contenders,
    },
    context,
    {
      rounds: 1,
      servers: ["sluice", "ws"],
      onTurn: ({ contender, result: { failed } }) => {
        if (failed !== undefined) console.log(`${contender.id}: ${failed}`);
      },
    },
  );
  const roundOf = (id: string): Pair["own"] => {
    const found = result.contenders.find((one) => one.id === id)?.rounds[0];
    return found ?? { metrics: {}, disturbed: [], failed: "it did not run" };
  };
  return { own: roundOf("sluice"), reference: roundOf("ws") };
}
