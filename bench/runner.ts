/** Rounds: every case's contenders in turn, A B C A B C, never one for long. */
import type { BenchCase, Contender, RunContext } from "./cases/case.ts";
import type { CaseResult, RoundResult } from "./report/results.ts";

/** What a run is told besides its cases. */
export interface RunOptions {
  readonly rounds: number;
  /** Only contenders with these servers; undefined: all. */
  readonly servers: readonly string[] | undefined;
  /** Told of each turn when it is over. */
  readonly onTurn: (turn: Turn) => void;
}

/** One contender's turn in one round. */
export interface Turn {
  readonly benchCase: BenchCase;
  readonly contender: Contender;
  readonly round: number;
  readonly rounds: number;
  readonly result: RoundResult;
}

/**
 * Runs one case.
 *
 * @param benchCase - The case.
 * @param context - What the run lends to it.
 * @param options - How many rounds, and for whom.
 * @returns All rounds of all contenders; a turn that failed says so in its
 *   place, and the rest goes on.
 */
export async function runCase(
  benchCase: BenchCase,
  context: RunContext,
  options: RunOptions,
): Promise<CaseResult> {
  const contenders = benchCase.contenders.filter(
    ({ subject }) =>
      subject === undefined ||
      options.servers === undefined ||
      options.servers.includes(subject.name),
  );
  const rounds = Math.min(options.rounds, benchCase.maxRounds ?? Infinity);
  const results = new Map<string, RoundResult[]>();
  if (contenders.length > 0) await benchCase.prepare?.(context);
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      const result = await runTurn(contender, context);
      const earlier = results.get(contender.id) ?? [];
      results.set(contender.id, [...earlier, result]);
      options.onTurn({ benchCase, contender, round, rounds, result });
    }
  }
  return {
    name: benchCase.name,
    title: benchCase.title,
    description: benchCase.description,
    unit: benchCase.unit,
    columns: benchCase.columns,
    measuredAt: new Date().toISOString(),
    secondsPerRound: context.measureMs / 1000,
    contenders: contenders.map(({ id, title, relativeTo }) => ({
      id,
      title,
      ...(relativeTo === undefined ? {} : { relativeTo }),
      rounds: results.get(id) ?? [],
    })),
  };
}

async function runTurn(
  contender: Contender,
  context: RunContext,
): Promise<RoundResult> {
  const missing = contender.subject?.unavailable();
  if (missing !== undefined) {
    return { metrics: {}, disturbed: [], failed: missing };
  }
  try {
    return await contender.measure(context);
  } catch (error) {
    return { metrics: {}, disturbed: [], failed: describe(error) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${describe(error.cause)}`;
  return error.message + cause;
}
