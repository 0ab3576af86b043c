import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./built.ts";

/** What a page shows. */
export interface Page {
  /** Code by the name of its file, which its first line says. */
  readonly files: ReadonlyMap<string, string>;
  /** TypeScript that says no name. */
  readonly nameless: readonly string[];
  /** Lines for a shell, in the order of the page. */
  readonly commands: readonly string[];
  /** What a workflow runs. */
  readonly jobs: readonly string[];
}

/** Reads what a page of the documentation shows, to be run. */
export async function readPage(name: string): Promise<Page> {
  const text = await readFile(join(root, "docs", name), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
    ([, language = "", code = ""]) => ({ language, code }),
  );
  const inLanguage = (wanted: string): string[] =>
    blocks
      .filter(({ language }) => language === wanted)
      .map(({ code }) => code);
  const files = new Map<string, string>();
  const nameless: string[] = [];
  for (const code of inLanguage("ts")) {
    const [, file] = /^\/\/ ([\w.-]+\.ts)/.exec(code) ?? [];
    if (file === undefined) nameless.push(code);
    else files.set(file, code);
  }
  const commands = inLanguage("sh").flatMap((code) => code.trim().split("\n"));
  const jobs = inLanguage("yaml").flatMap((code) =>
    [...code.matchAll(/^\s*- run: (.*)$/gm)].map(([, line = ""]) => line),
  );
  return { files, nameless, commands, jobs };
}
