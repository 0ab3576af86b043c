import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";

import { renderLogTable } from "../src/protocol/log-rules.ts";

/** Renews the table of what is logged in place. */
const file = new URL("../docs/deployment.md", import.meta.url);
const BEGIN = "<!-- generated: log -->";
const page = await readFile(file, "utf8");
const from = page.indexOf(BEGIN);
const to = page.indexOf("<!-- end -->", from);
if (from < 0 || to < 0) throw new Error(`no place for the table: ${file.href}`);
const renewed = `${page.slice(0, from + BEGIN.length)}\n\n${renderLogTable()}\n\n${page.slice(to)}`;
// As the checks want it, like every page.
await writeFile(file, await format(renewed, { parser: "markdown" }));
