/** The score of mutation testing in the docs, from the report that a run has left. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";

const root = new URL("../../", import.meta.url);

/** What was changed, where its report is, and which page has its score. */
export interface Subject {
  readonly report: string;
  readonly document: string;
  readonly command: string;
}

export const subjects: Readonly<Record<string, Subject>> = {
  machines: {
    report: "reports/mutation/report.json",
    document: "docs/laws.md",
    command: "npm run test:mutation",
  },
  server: {
    report: "reports/mutation/server.json",
    document: "docs/proof.md",
    command: "npm run test:mutation:server",
  },
};

/** What of Stryker's report (mutation-testing-report-schema) is read. */
interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}
interface MutatedFile {
  readonly source: string;
  readonly mutants: readonly Mutant[];
}
interface Report {
  readonly files: Readonly<Record<string, MutatedFile>>;
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

/** The longest piece of code that is shown. */
const SHOWN = 60;

function shorten(code: string): string {
  // It is shown between backticks.
  const line = code.replaceAll(/\s+/g, " ").replaceAll("`", "'").trim();
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

/** What stood there, as far as it is on one line. */
function originalOf(
  { location: { start, end } }: Mutant,
  lines: readonly string[],
): string {
  const line = lines[start.line - 1] ?? "";
  return line.slice(
    start.column - 1,
    start.line === end.line ? end.column - 1 : undefined,
  );
}

/** What nobody noticed in a file. */
function survivorsOf(name: string, { mutants, source }: MutatedFile): string[] {
  const lines = source.split("\n");
  const survivors = mutants
    .filter(isOneOf(UNNOTICED))
    .toSorted(
      (one, other) => one.location.start.line - other.location.start.line,
    );
  if (survivors.length === 0) return [];
  const changes = survivors.map((mutant) => {
    const from = shorten(originalOf(mutant, lines));
    const to = shorten(mutant.replacement ?? "");
    return `${mutant.location.start.line}: \`${from}\` → \`${to}\``;
  });
  return [`- \`${name}\`, line ${changes.join("; ")}`];
}

function render({ files }: Report): string {
  const entries = Object.entries(files).toSorted(([one], [other]) =>
    one.localeCompare(other),
  );
  const survivors = entries.flatMap(([name, file]) => survivorsOf(name, file));
  return [
    "| file | changes | noticed | score | not built |",
    "| --- | --- | --- | --- | --- |",
    ...entries.map(([name, { mutants }]) => rowOf(basename(name), mutants)),
    rowOf(
      "all",
      entries.flatMap(([, { mutants }]) => mutants),
    ),
    "",
    "Not noticed:",
    "",
    ...(survivors.length > 0 ? survivors : ["- none"]),
  ].join("\n");
}

/**
 * Writes the score of a complete run into the docs.
 *
 * @throws Error when the page has no place for it
 */
export async function writeScore({
  report,
  ...subject
}: Subject): Promise<void> {
  const document = new URL(subject.document, root);
  const begin = `<!-- mutation score: written by ${subject.command} -->`;
  const end = "<!-- mutation score: end -->";
  const text = readFileSync(document, "utf8");
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end, from);
  if (from < begin.length || to < 0)
    throw new Error(`no place for the table: ${fileURLToPath(document)}`);
  const told = JSON.parse(
    readFileSync(new URL(report, root), "utf8"),
  ) as Report;
  const renewed = `${text.slice(0, from)}\n\n${render(told)}\n\n${text.slice(to)}`;
  // As the checks want it, like every page.
  writeFileSync(document, await format(renewed, { parser: "markdown" }));
}
