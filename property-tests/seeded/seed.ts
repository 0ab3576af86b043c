/** Makes a mistake in a copy of the tree and runs there the tests that ought to notice it. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Defect } from "./defect.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COPIED = [
  ...["src", "test", "property-tests", "chaos"],
  ...["package.json", "tsconfig.json", "vitest.config.ts"],
];
/** Of a law, before nobody is said to have noticed. */
const RUNS = 60;
/** Laws draw the same each time: what was noticed once is noticed again. */
const SEED = 1;
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);

export interface Result {
  readonly defect: Defect;
  /** The tests that failed; none, when nobody noticed, or nobody has answered. */
  readonly caughtBy: readonly Failure[];
  /** The tests had not ended when the time was over. */
  readonly isCutShort: boolean;
}

export interface Failure {
  readonly test: string;
  /** What it said, for a reader to judge whether it is about the mistake. */
  readonly message: string;
}

/** What of vitest's JSON report is read. */
interface TestReport {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * Makes the mistake in a copy, and runs the tests there. The tree itself is only read.
 *
 * @param signal - Ends it, cut short.
 * @throws Error when the mistake cannot be made any more, or no test was run.
 */
export async function seed(
  defect: Defect,
  signal?: AbortSignal,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-seeded-"));
  try {
    for (const name of COPIED)
      await cp(join(ROOT, name), join(directory, name), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
    breakIt(join(directory, defect.file), defect);
    const report = await reportOf(directory, defect, signal);
    const caughtBy = report === undefined ? [] : failuresIn(report);
    return { defect, caughtBy, isCutShort: report === undefined };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function breakIt(file: string, { original, defective, rule }: Defect): void {
  const source = readFileSync(file, "utf8");
  const occurrences = source.split(original).length - 1;
  if (occurrences !== 1)
    throw new Error(
      `"${rule}": the text to spoil occurs ${occurrences} times in ${file}`,
    );
  writeFileSync(
    file,
    source.replace(original, () => defective),
  );
}

/** What vitest reports; nothing when it was cut short. */
async function reportOf(
  directory: string,
  { suites, law, rule, runs = RUNS }: Defect,
  signal: AbortSignal | undefined,
): Promise<TestReport | undefined> {
  const outputFile = join(directory, `${randomUUID()}.json`);
  const args = [
    ...[vitest, "run", ...suites],
    ...(law === undefined ? [] : ["-t", law]),
    // One failure is enough: each of them may take as long as a test waits.
    ...["--bail=1", "--reporter=json", `--outputFile=${outputFile}`],
  ];
  const env = {
    SLUICE_PROPERTY_SEED: String(SEED),
    ...process.env,
    SLUICE_PROPERTY_RUNS: String(runs),
    SLUICE_PROPERTY_FIRST: "yes",
  };
  await ended(args, { cwd: directory, env, signal });
  if (!existsSync(outputFile)) {
    if (signal?.aborted === true) return undefined;
    throw new Error(`"${rule}": the tests could not be run`);
  }
  const report = JSON.parse(readFileSync(outputFile, "utf8")) as TestReport;
  const hasAny = report.testResults.some(
    ({ assertionResults, message }) =>
      assertionResults.length > 0 || message !== "",
  );
  if (!hasAny)
    throw new Error(`"${rule}": there is no such test: ${suites.join(", ")}`);
  return report;
}

function failuresIn(report: TestReport): Failure[] {
  return report.testResults.flatMap(({ assertionResults, message }) => {
    const failed = assertionResults.filter(({ status }) => status === "failed");
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) => ({
        test: fullName,
        message: failureMessages.join("\n"),
      }));
    // Every test passed, and the ledger at the end did not.
    return message === "" ? [] : [{ test: "the ledger of the suite", message }];
  });
}

function ended(
  args: readonly string[],
  {
    signal,
    ...options
  }: {
    cwd: string;
    env: NodeJS.ProcessEnv;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const child = spawn(process.execPath, args, {
    ...options,
    stdio: "ignore",
    ...(signal !== undefined && { signal }),
  });
  // That it was cut short is told by what it has not written.
  child.once("error", () => {});
  child.once("close", () => resolve());
  return promise;
}

/** Of a law the error behind its counterexample, of a test its first line. */
export function reasonOf({ message }: Failure): string {
  const lines = message.split("\n");
  return lines.find((line) => line.startsWith("Error: ")) ?? lines[0] ?? "";
}
