/** Every case, in the order of the report. */
import type { BenchCase } from "./case.ts";
import { churnCases } from "./churn.ts";
import { compressionCases } from "./compression.ts";
import { echoCases } from "./echo.ts";
import { fanOutCases } from "./fan-out.ts";
import { floodCases } from "./flood.ts";
import { halfSaturationCase } from "./half-saturation.ts";
import { idleMemoryCase } from "./idle-memory.ts";
import { machineCase } from "./machine.ts";
import { publishCases } from "./publish.ts";
import { shardsCase } from "./shards.ts";
import { shutdownCase } from "./shutdown.ts";

export const benchCases: readonly BenchCase[] = [
  ...echoCases,
  ...churnCases,
  halfSaturationCase,
  ...floodCases,
  idleMemoryCase,
  ...fanOutCases,
  ...publishCases,
  ...compressionCases,
  shutdownCase,
  shardsCase,
  machineCase,
];

/**
 * The cases of these names, in the order of the report; none named: all.
 *
 * @throws RangeError that lists the names there are.
 */
export function selectCases(names: readonly string[]): readonly BenchCase[] {
  const known = benchCases.map((benchCase) => benchCase.name);
  for (const name of names) {
    if (!known.includes(name)) {
      throw new RangeError(
        `No case is called "${name}"; there are ${known.join(", ")}.`,
      );
    }
  }
  if (names.length === 0) return benchCases;
  return benchCases.filter((benchCase) => names.includes(benchCase.name));
}
