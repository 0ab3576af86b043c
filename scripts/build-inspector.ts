/** Builds the inspector's page into the package: one script, one style sheet, no outside resource. */
import { copyFile, mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = new URL("../web/", import.meta.url);
const target = new URL("../dist/inspector/", import.meta.url);
/** The whole page. Something is wrong when it grows beyond this. */
const MAX_BYTES = 150_000;

await mkdir(target, { recursive: true });
await build({
  entryPoints: ["page.tsx", "page.css"].map((name) => ({
    in: fileURLToPath(new URL(name, source)),
    out: "page",
  })),
  outdir: fileURLToPath(target),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2024", "chrome125", "firefox128", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"])
  await copyFile(new URL(name, source), new URL(name, target));

let total = 0;
for (const name of ["index.html", "icon.svg", "page.js", "page.css"])
  total += (await stat(new URL(name, target))).size;
console.log(`the inspector's page has ${total} bytes`);
if (total > MAX_BYTES) {
  console.error(`that is more than ${MAX_BYTES}`);
  process.exitCode = 1;
}
