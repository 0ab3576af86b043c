/** Where results are kept, and how the docs come of them. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { format } from "prettier";
import { benchCases } from "./cases/index.ts";
import { renderPage } from "./report/page.ts";
import { mergeResults, type Results } from "./report/results.ts";

const root = dirname(import.meta.dirname);
const latestFile = join(import.meta.dirname, "results", "latest.json");
const page = join(root, "docs", "benchmarks.md");
const folder = join(root, "docs", "benchmarks");
const publishedFile = join(folder, "results.json");

/** Keeps the results of the last run, of whatever it was. */
export function keepLatest(results: Results): void {
  write(latestFile, results);
}

/**
 * Puts results into the docs, in the place of earlier ones of the same cases.
 *
 * @param results - What was just measured.
 * @throws Error when they cannot stand beside those that are published.
 */
export async function publish(results: Results): Promise<void> {
  const names = benchCases.map((benchCase) => benchCase.name);
  const isWhole = results.cases.length === names.length;
  write(
    publishedFile,
    mergeResults(isWhole ? undefined : readPublished(), results, names),
  );
  await renderDocs();
}

/**
 * Renders the page and its charts from the published results.
 *
 * @throws Error when nothing was published yet.
 */
export async function renderDocs(): Promise<void> {
  const results = readPublished();
  if (results === undefined) {
    throw new Error("Nothing was published yet: run the benchmark first.");
  }
  const { markdown, charts } = renderPage(results, basename(folder));
  writeFileSync(page, await format(markdown, { parser: "markdown" }));
  for (const file of readdirSync(folder)) {
    if (file.endsWith(".svg") && !charts.has(file)) rmSync(join(folder, file));
  }
  for (const [file, svg] of charts) writeFileSync(join(folder, file), svg);
}

function readPublished(): Results | undefined {
  if (!existsSync(publishedFile)) return undefined;
  // Written by this file alone.
  return JSON.parse(readFileSync(publishedFile, "utf8")) as Results;
}

function write(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}
