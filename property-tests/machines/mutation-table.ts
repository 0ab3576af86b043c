/**
 * Writes the score of a complete run of `npm run test:mutation` into
 * docs/laws.md, from the report that the run has left.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const REPORT = new URL("../../reports/mutation/report.json", import.meta.url);
const DOCUMENT = new URL("../../docs/laws.md", import.meta.url);
const BEGIN = "<!-- mutation score: written by npm run test:mutation -->";
const END = "<!-- mutation score: end -->";

/** What of Stryker's report (mutation-testing-report-schema) is read. */
interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number } };
}
interface Report {
  readonly files: Readonly<
    Record<string, { readonly mutants: readonly Mutant[] }>
  >;
}

/** Tests failed, or did not end any more. */
const NOTICED = ["Killed", "Timeout"];
const UNNOTICED = ["Survived", "NoCoverage"];

const isOneOf =
  (statuses: readonly string[]) =>
  ({ status }: Mutant): boolean =>
    statuses.includes(status);

function rowOf(name: string, mutants: readonly Mutant[]): string {
  const noticed = mutants.filter(isOneOf(NOTICED)).length;
  const unnoticed = mutants.filter(isOneOf(UNNOTICED)).length;
  const changes = noticed + unnoticed;
  const score = ((100 * noticed) / changes).toFixed(1);
  const unbuilt = mutants.length - changes;
  return `| ${name} | ${changes} | ${noticed} | ${score} % | ${unbuilt} |`;
}

function render({ files }: Report): string {
  const names = Object.keys(files).toSorted();
  const mutantsOf = (name: string): readonly Mutant[] =>
    files[name]?.mutants ?? [];
  const survivors = names.flatMap((name) =>
    mutantsOf(name)
      .filter(isOneOf(UNNOTICED))
      .map(
        ({ replacement = "", location }) =>
          `- \`${name}\`, line ${location.start.line}: replaced by \`${replacement}\``,
      ),
  );
  return [
    "| file | changes | noticed | score | not built |",
    "| --- | --- | --- | --- | --- |",
    ...names.map((name) => rowOf(basename(name), mutantsOf(name))),
    rowOf("all", names.flatMap(mutantsOf)),
    "",
    "Not noticed:",
    "",
    ...(survivors.length > 0 ? survivors : ["- none"]),
  ].join("\n");
}

const text = readFileSync(DOCUMENT, "utf8");
const from = text.indexOf(BEGIN) + BEGIN.length;
const to = text.indexOf(END);
if (from < BEGIN.length || to < 0)
  throw new Error(`no place for the table: ${fileURLToPath(DOCUMENT)}`);
const report = JSON.parse(readFileSync(REPORT, "utf8")) as Report;
writeFileSync(
  DOCUMENT,
  `${text.slice(0, from)}\n\n${render(report)}\n\n${text.slice(to)}`,
);
