/* oxlint-disable vitest/valid-title, vitest/valid-expect, vitest/expect-expect -- the law's name is the title, its report the message */
import * as fc from "fast-check";
import { expect, it } from "vitest";

const environment = process.env;

const runsWanted = numberFrom("SLUICE_PROPERTY_RUNS");
const path = environment["SLUICE_PROPERTY_PATH"];
const replayPath = environment["SLUICE_PROPERTY_REPLAY_PATH"];
/** The first failure says enough: no smaller one is looked for. */
const isFirstEnough = environment["SLUICE_PROPERTY_FIRST"] !== undefined;

/** Where the random runs of this process start; given, or drawn and printed. */
export const seed = numberFrom("SLUICE_PROPERTY_SEED") ?? drawSeed();

/** How much a law is tried when nobody asks for more. */
export interface LawOptions {
  /** Runs within `npm test`; `--runs` replaces it. */
  readonly runs: number;
  /** Within `npm test`, no run begins after so long: for laws whose runs take real time. */
  readonly timeLimitMs?: number;
  /** For a run that has begun by then, and for what a failure takes to be told. */
  readonly timeBeyondLimitMs?: number;
  /**
   * Whether the runs have met all that they are about. Until then more are
   * drawn, whatever the bounds, up to {@link PATIENCE} times as many.
   */
  readonly hasMetAll?: () => boolean;
}

/** So many times the runs that are meant, a law draws more to meet what it is about. */
const PATIENCE = 10;
const TIME_TO_MEET_ALL_MS = 120_000;

/** For a run that has begun, and for what a failure takes to be told. */
const TIME_BEYOND_LIMIT_MS = 25_000;

/**
 * A law as a test of its own: tried with random input, within bounds, or as
 * often as `npm run test:properties -- --runs` says. A failure names the
 * command that replays its smallest counterexample.
 *
 * @param name - The law, as a sentence.
 * @param property - What fast-check is to refute.
 * @throws Error from within the test, with the counterexample.
 */
export function law<Ts>(
  name: string,
  property: fc.IRawProperty<Ts>,
  {
    runs,
    timeLimitMs = 5_000,
    timeBeyondLimitMs = TIME_BEYOND_LIMIT_MS,
    hasMetAll,
  }: LawOptions,
): void {
  it(
    name,
    async () => {
      const bounds = {
        runs: runsWanted ?? runs,
        // Asked for more runs, a law takes the time that they take.
        limitMs: runsWanted === undefined ? timeLimitMs : Infinity,
        // What is replayed is one run, whatever it meets.
        hasMetAll: path === undefined ? hasMetAll : undefined,
      };
      const most = hasMetAll === undefined ? 1 : PATIENCE;
      const details = await fc.check(new Limited(property, bounds), {
        numRuns: bounds.runs * most,
        seed,
        endOnFailure: path !== undefined || isFirstEnough,
        ...(path !== undefined && { path }),
      });
      const found = (await fc.asyncDefaultReportMessage(details)) ?? "";
      const message = [found, String(details.errorInstance)].join("\n\n");
      expect(
        details.failed,
        `${message}\n\n${explain(details.errorInstance)}\n\n${replayCommand(name, details, message)}`,
      ).toBe(false);
      // On a machine that is too slow for one run nothing has been shown.
      expect(details.numRuns, "runs of the law").toBeGreaterThan(0);
    },
    runsWanted === undefined
      ? timeLimitMs +
          timeBeyondLimitMs +
          (hasMetAll === undefined ? 0 : TIME_TO_MEET_ALL_MS)
      : 0,
  );
}

interface Bounds {
  readonly runs: number;
  readonly limitMs: number;
  readonly hasMetAll: LawOptions["hasMetAll"];
}

/**
 * A property of which no run begins after a time, or a number of others.
 * fast-check's own limit drops the run that is under way, and with it a fault
 * that takes as long to show, such as a server that hangs.
 */
class Limited<Ts> implements fc.IRawProperty<Ts> {
  readonly #property: fc.IRawProperty<Ts>;
  readonly #bounds: Bounds;
  readonly #until: number;
  #begun = 0;

  constructor(property: fc.IRawProperty<Ts>, bounds: Bounds) {
    this.#property = property;
    this.#bounds = bounds;
    this.#until = performance.now() + bounds.limitMs;
  }

  get #isOver(): boolean {
    const { runs, hasMetAll } = this.#bounds;
    const isEnough = this.#begun >= runs || performance.now() >= this.#until;
    return isEnough && (hasMetAll?.() ?? true);
  }

  isAsync(): boolean {
    return this.#property.isAsync();
  }

  generate(random: fc.Random, runId?: number): fc.Value<Ts> {
    return this.#property.generate(random, runId);
  }

  shrink(value: fc.Value<Ts>): fc.Stream<fc.Value<Ts>> {
    return this.#property.shrink(value);
  }

  run(value: Ts): ReturnType<fc.IRawProperty<Ts>["run"]> {
    if (!this.#isOver) {
      this.#begun++;
      return this.#property.run(value);
    }
    const late = new fc.PreconditionFailure(true);
    return this.isAsync() ? Promise.resolve(late) : late;
  }

  runBeforeEach(): ReturnType<fc.IRawProperty<Ts>["runBeforeEach"]> {
    return this.#property.runBeforeEach();
  }

  runAfterEach(): ReturnType<fc.IRawProperty<Ts>["runAfterEach"]> {
    return this.#property.runAfterEach();
  }
}

/** What `fc.commands` needs to replay a sequence that was shrunk. */
export function replay(): { replayPath?: string } {
  return replayPath === undefined ? {} : { replayPath };
}

/** What broke the law, which the report leaves out. */
function explain(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : "";
}

function replayCommand(
  name: string,
  details: { seed: number; counterexamplePath: string | null },
  message: string,
): string {
  const shrunk = /replayPath="([^"]+)"/.exec(message)?.[1];
  return [
    "Replay it with: npm run test:properties --",
    `--seed=${details.seed} --path ${details.counterexamplePath ?? "0"}`,
    ...(shrunk === undefined ? [] : [`--replay-path ${shrunk}`]),
    `--law ${JSON.stringify(name)}`,
  ].join(" ");
}

function numberFrom(name: string): number | undefined {
  const value = environment[name];
  return value === undefined ? undefined : Number(value);
}

function drawSeed(): number {
  const drawn = Math.floor(Math.random() * 0x7fff_ffff);
  console.log(`properties start from seed ${drawn}`);
  return drawn;
}
