import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, it, onTestFinished } from "vitest";

import { root } from "../../support/built.ts";

/** Every page of a folder, by its name. */
async function read(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const pages = names
    .filter((name) => name.endsWith(".md"))
    .toSorted()
    .map(async (name) => [name, await readFile(join(folder, name), "utf8")]);
  return Object.fromEntries(await Promise.all(pages)) as Record<string, string>;
}

it("the API reference says what the source says (if not: npm run docs)", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "sluice-api-"));
  onTestFinished(() => rm(fresh, { recursive: true }));
  const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
  await promisify(execFile)(process.execPath, [typedoc, "--out", fresh], {
    cwd: root,
  });
  expect(await read(join(root, "docs/api"))).toEqual(await read(fresh));
});
