/**
 * Makes one small mistake after the other in a copy of the server and shows
 * which test notices it; the tables go into docs/proof.md.
 *
 *     node property-tests/seeded/run.ts [words of a rule, or a part of the path of what is spoiled or tested]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import type { Defect } from "./defect.ts";
import { areas, defects } from "./defects.ts";
import { reasonOf, type Result, ROOT, seed } from "./seed.ts";

const DOCUMENT = join(ROOT, "docs/proof.md");
const BEGIN =
  "<!-- seeded defects: written by property-tests/seeded/run.ts -->";
const END = "<!-- seeded defects: end -->";
const HEAD = [
  "| rule that was broken | where | noticed by |",
  "| --- | --- | --- |",
];

function rowOf({ defect: { rule, file }, caughtBy }: Result): string {
  return `| ${rule} | \`${file}\` | ${caughtBy[0]?.test ?? "**nobody**"} |`;
}

/** Writes the row of one defect into the table of its area, and leaves those of the others as they were. */
async function publish(news: Result): Promise<void> {
  const text = readFileSync(DOCUMENT, "utf8");
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  if (from < BEGIN.length || to < 0)
    throw new Error(`no place for the tables: ${DOCUMENT}`);
  const before = text.slice(from, to).split("\n");
  const rowsOf = ({ rule }: Defect): readonly string[] => {
    if (news.defect.rule === rule) return [rowOf(news)];
    return before.filter((line) =>
      line.replaceAll(/ +/g, " ").startsWith(`| ${rule} |`),
    );
  };
  const tables = areas.map((area) => {
    const rows = area.defects.flatMap(rowsOf);
    return [`### ${area.title}`, "", ...HEAD, ...rows].join("\n");
  });
  const renewed = `${text.slice(0, from)}\n\n${tables.join("\n\n")}\n\n${text.slice(to)}`;
  // As the checks want it, like every page.
  writeFileSync(DOCUMENT, await format(renewed, { parser: "markdown" }));
}

const wanted = process.argv.slice(2).join(" ");
const chosen = defects.filter(({ rule, file, suites }) =>
  [rule, file, ...suites].some((text) => text.includes(wanted)),
);
for (const defect of chosen) {
  const startedAt = performance.now();
  const result = await seed(defect);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const [first] = result.caughtBy;
  const test = first?.test ?? "NOBODY NOTICED";
  console.log(`${defect.rule}\n  ${test} (${seconds} s)`);
  if (first !== undefined) console.log(`  ${reasonOf(first)}`);
  // One that fails later does not take the others' rows along.
  await publish(result);
  if (first === undefined) process.exitCode = 1;
}
