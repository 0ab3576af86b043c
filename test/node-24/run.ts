import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Runs the integration tests under the oldest Node that Sluice supports, which
 * it installs on demand. Arguments choose tests, as those of vitest do.
 */
const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

function run(command: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("npm", ["ci", "--no-audit", "--no-fund"], here);
const chosen = process.argv.slice(2);
run(
  `${here}node_modules/.bin/node`,
  [
    "node_modules/vitest/vitest.mjs",
    ...["run", "--project", "real", "--project", "together"],
    ...(chosen.length > 0 ? chosen : ["test/real/connections"]),
  ],
  root,
);
