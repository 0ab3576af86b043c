/**
 * Changes the code, one thing at a time, and asks whether the tests notice; then
 * writes the score into the docs.
 *
 *     node property-tests/mutation/run.ts machines|server
 *
 * Stryker is installed on demand into this folder, and vitest is the project's.
 * Further arguments are Stryker's; with any, the docs stay as they are.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { subjects, writeScore } from "./table.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

function run(command: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const [name = "", ...rest] = process.argv.slice(2);
const subject = subjects[name];
if (subject === undefined)
  throw new Error(`got "${name}", takes ${Object.keys(subjects).join(" or ")}`);
run("npm", ["ci", "--no-audit", "--no-fund"], here);
run(
  process.execPath,
  [
    `${here}node_modules/@stryker-mutator/core/bin/stryker.js`,
    ...["run", `${here}${name}.json`, ...rest],
  ],
  root,
);
if (rest.length === 0) await writeScore(subject);
