import { describeUnknown } from "../config.ts";
import type { OptionRow } from "../config/rows.ts";

const PREFIX = "SLUICE_";
/**
 * Kubernetes gives every pod such variables for a Service named `sluice`:
 * `SLUICE_PORT=tcp://10.0.0.1:80`, `SLUICE_SERVICE_HOST`, `SLUICE_PORT_80_TCP`.
 * They are nobody's options.
 */
const SERVICE_LINK_NAME = /^SLUICE_(?:SERVICE_|PORT_\d)/;
const SERVICE_LINK_VALUE = /^(?:tcp|udp|sctp):\/\//;

/** Options from the environment, and the `SLUICE_` variables that are none. */
export interface EnvironmentOptions {
  readonly given: ReadonlyMap<string, string>;
  /** One sentence per unknown variable; a mistyped one must not go unnoticed. */
  readonly warnings: readonly string[];
}

/**
 * Reads `SLUICE_*` variables. An empty one counts as not set, as
 * `SLUICE_PORT= sluice serve` and most manifests mean it.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  rows: readonly OptionRow[],
): EnvironmentOptions {
  const given = new Map<string, string>();
  const warnings: string[] = [];
  const keys = new Map(rows.map((row) => [row.env, row.key]));
  for (const [name, value = ""] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === "") continue;
    if (SERVICE_LINK_NAME.test(name) || SERVICE_LINK_VALUE.test(value))
      continue;
    const key = keys.get(name);
    if (key === undefined) {
      warnings.push(describeUnknown(name, [...keys.keys()]));
    } else {
      given.set(key, value);
    }
  }
  return { given, warnings };
}
