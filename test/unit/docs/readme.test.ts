import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import {
  pages as generated,
  renderPage,
} from "../../../scripts/readme/tables.ts";
import { root } from "../../support/built.ts";

async function pages(): Promise<readonly string[]> {
  const inDocs = await readdir(join(root, "docs"), { recursive: true });
  return [
    ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md"],
    ...inDocs
      .filter((name) => name.endsWith(".md"))
      .map((name) => join("docs", name)),
  ];
}

describe("the pages with generated parts", () => {
  const names = Object.keys(generated) as (keyof typeof generated)[];

  it.each(names)(
    "%s says what the code says (if not: npm run docs)",
    async (page) => {
      const text = await readFile(join(root, page), "utf8");
      expect(await renderPage(page, text)).toBe(text);
    },
  );

  it("cannot lose a generated part, nor have an unknown one", async () => {
    const name = "docs/report.md";
    const page = await readFile(join(root, name), "utf8");
    const without = page.replace("generated: outcomes", "gone");
    await expect(renderPage(name, without)).rejects.toThrow(
      'no markers for "outcomes"',
    );
    const unknown = `${page}\n<!-- generated: weather -->\n<!-- end -->\n`;
    await expect(renderPage(name, unknown)).rejects.toThrow('"weather"');
  });
});

describe("the documentation", () => {
  it("links only to what exists", async () => {
    const broken: string[] = [];
    for (const page of await pages()) {
      const text = await readFile(join(root, page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(link)) continue;
        const target = resolve(root, dirname(page), link);
        const found = await stat(target).catch(() => undefined);
        if (found === undefined)
          broken.push(`${page}: ${relative(root, target)}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

describe("the API reference", () => {
  const read = (page: string): Promise<string> =>
    readFile(join(root, "docs/api/sluice", page), "utf8");
  /** What a page tells of each kind of thing, under its own heading. */
  const entriesOf = (text: string, kind: string): readonly string[] => {
    const [, part = ""] = text.split(`\n## ${kind}\n`);
    const [only = ""] = part.split(/^## /m);
    return only.split(/^### /m).slice(1);
  };

  it("begins with serve", async () => {
    const [, first] = /^### (.*)$/m.exec(await read("../sluice.md")) ?? [];
    expect(first).toBe("serve()");
  });

  it("has an example for each function, each class and each machine", async () => {
    const texts = await Promise.all(
      ["../sluice.md", "client.md", "machines.md"].map(read),
    );
    const entries = texts.flatMap((text) => [
      ...["Start here", "Functions", "Classes"].flatMap((kind) =>
        entriesOf(text, kind),
      ),
      ...entriesOf(text, "Variables").filter((entry) =>
        entry.includes("StateMachine"),
      ),
    ]);
    expect(entries.length).toBeGreaterThan(10);
    const without = entries.filter((entry) => !/^#+ Example$/m.test(entry));
    expect(without.map((entry) => entry.split("\n")[0])).toEqual([]);
  });
});
