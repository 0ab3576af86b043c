import { readFile, writeFile } from "node:fs/promises";

import { pages, renderPage } from "./readme/tables.ts";

/** Renews the generated parts of the pages in place. */
for (const page of Object.keys(pages) as (keyof typeof pages)[]) {
  const file = new URL(`../${page}`, import.meta.url);
  await writeFile(file, await renderPage(page, await readFile(file, "utf8")));
}
