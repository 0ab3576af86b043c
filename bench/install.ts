/** Installs the rivals that users of the project do not need. */
import { spawnSync } from "node:child_process";
import type { BenchCase } from "./cases/case.ts";

/**
 * Runs `npm ci` for the rivals when one of them is missing that is to be
 * measured. A rival that stays missing is reported as such, case by case.
 *
 * @param cases - What is to run.
 * @param servers - The servers asked for; undefined: all.
 */
export function installRivals(
  cases: readonly BenchCase[],
  servers: readonly string[] | undefined,
): void {
  const isMissing = cases
    .flatMap((benchCase) => benchCase.contenders)
    .some(({ subject }) => {
      if (subject === undefined || subject.name === "sluice") return false;
      const wanted = servers === undefined || servers.includes(subject.name);
      return wanted && subject.unavailable() !== undefined;
    });
  if (!isMissing) return;
  console.error("Installing the rivals (npm ci --prefix bench) …");
  const { status } = spawnSync(
    "npm",
    ["ci", "--prefix", import.meta.dirname, "--no-audit", "--no-fund"],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  if (status !== 0) {
    console.error("npm could not install all rivals; going on without them.");
  }
}
