/** Where the figures are kept, and how they get into the page. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { renderSection } from "./page.ts";
import type { HandoverResults } from "./results.ts";

const docs = join(import.meta.dirname, "../../docs");
const page = join(docs, "handover.md");
const published = join(docs, "benchmarks", "handover.json");
const BEGIN = "<!-- measured: written by npm run handover -- --publish -->";
const END = "<!-- measured: end -->";

/** @throws Error when the page has no place for it. */
export async function publish(news: HandoverResults): Promise<void> {
  const results = existsSync(published)
    ? {
        ...(JSON.parse(readFileSync(published, "utf8")) as HandoverResults),
        ...news,
      }
    : news;
  const text = readFileSync(page, "utf8");
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  if (from < BEGIN.length || to < 0)
    throw new Error(`no place for the figures: ${page}`);
  const whole = `${text.slice(0, from)}\n\n${renderSection(results)}\n\n${text.slice(to)}`;
  writeFileSync(page, await format(whole, { parser: "markdown" }));
  writeFileSync(
    published,
    await format(JSON.stringify(results), { parser: "json" }),
  );
}
