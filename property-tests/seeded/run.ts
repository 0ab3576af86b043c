/**
 * Makes one small mistake after the other in a copy of the server and shows
 * which test notices it; the table goes into docs/proof.md.
 *
 *     node property-tests/seeded/run.ts [words of a rule, or a part of the path of what is spoiled or tested]
 */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import type { Defect } from "./defect.ts";
import { defects } from "./defects.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCUMENT = join(ROOT, "docs/proof.md");
const BEGIN =
  "<!-- seeded defects: written by property-tests/seeded/run.ts -->";
const END = "<!-- seeded defects: end -->";
const COPIED = [
  ...["src", "test", "property-tests", "chaos"],
  ...["package.json", "tsconfig.json", "vitest.config.ts"],
];
/** Of a law, before nobody is said to have noticed. */
const RUNS = 60;
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);

interface Result {
  readonly defect: Defect;
  /** The tests that failed; none, when nobody noticed. */
  readonly caughtBy: readonly Failure[];
}

interface Failure {
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

/** Makes the mistake in a copy, and runs the tests there. */
function seed(defect: Defect): Result {
  const directory = mkdtempSync(join(tmpdir(), "sluice-seeded-"));
  try {
    for (const name of COPIED)
      cpSync(join(ROOT, name), join(directory, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
    breakIt(join(directory, defect.file), defect);
    return { defect, caughtBy: failuresIn(directory, defect) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
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

function failuresIn(
  directory: string,
  { suites, law, runs = RUNS }: Defect,
): Failure[] {
  const outputFile = join(directory, `${randomUUID()}.json`);
  const args = [
    ...[vitest, "run", ...suites],
    ...(law === undefined ? [] : ["-t", law]),
    // One failure is enough: each of them may take as long as a test waits.
    ...["--bail=1", "--reporter=json", `--outputFile=${outputFile}`],
  ];
  const env = {
    ...process.env,
    SLUICE_PROPERTY_RUNS: String(runs),
    SLUICE_PROPERTY_FIRST: "yes",
  };
  spawnSync(process.execPath, args, { cwd: directory, stdio: "ignore", env });
  const report = JSON.parse(readFileSync(outputFile, "utf8")) as TestReport;
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

/** Of a law the error behind its counterexample, of a test its first line. */
function reasonOf({ message }: Failure): string {
  const lines = message.split("\n");
  return lines.find((line) => line.startsWith("Error: ")) ?? lines[0] ?? "";
}

function rowOf({ defect: { rule, file }, caughtBy }: Result): string {
  return `| ${rule} | \`${file}\` | ${caughtBy[0]?.test ?? "**nobody**"} |`;
}

/** Writes the row of one defect into the table, and leaves those of the others as they were. */
async function publish(news: Result): Promise<void> {
  const text = readFileSync(DOCUMENT, "utf8");
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  if (from < BEGIN.length || to < 0)
    throw new Error(`no place for the table: ${DOCUMENT}`);
  const before = text.slice(from, to).split("\n");
  const rows = defects.flatMap(({ rule }) => {
    if (news.defect.rule === rule) return [rowOf(news)];
    return before.filter((line) =>
      line.replaceAll(/ +/g, " ").startsWith(`| ${rule} |`),
    );
  });
  const head = [
    "| rule that was broken | where | noticed by |",
    "| --- | --- | --- |",
  ];
  const table = [...head, ...rows].join("\n");
  const renewed = `${text.slice(0, from)}\n\n${table}\n\n${text.slice(to)}`;
  // As the checks want it, like every page.
  writeFileSync(DOCUMENT, await format(renewed, { parser: "markdown" }));
}

const wanted = process.argv.slice(2).join(" ");
const chosen = defects.filter(({ rule, file, suites }) =>
  [rule, file, ...suites].some((text) => text.includes(wanted)),
);
for (const defect of chosen) {
  const startedAt = performance.now();
  const result = seed(defect);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const [first] = result.caughtBy;
  const test = first?.test ?? "NOBODY NOTICED";
  console.log(`${defect.rule}\n  ${test} (${seconds} s)`);
  if (first !== undefined) console.log(`  ${reasonOf(first)}`);
  // One that fails later does not take the others' rows along.
  await publish(result);
  if (first === undefined) process.exitCode = 1;
}
