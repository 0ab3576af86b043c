import { checkTogether } from "./config/cross-checks.ts";
import { describeUnknown, show } from "./config/describe.ts";
import { describeAccepted, narrow, REFUSED } from "./config/narrow.ts";
import {
  type Config,
  isOptionKey,
  type OptionKey,
  optionKeys,
  type ServerOptions,
  type Value,
} from "./config/options.ts";
import { optionSpecs } from "./config/table.ts";
import type { OptionSpec } from "./config/table.ts";
import { SluiceError } from "./errors.ts";

export { describeUnknown } from "./config/describe.ts";
export {
  type Config,
  type OptionKey,
  optionKeys,
  type ServerOptions,
} from "./config/options.ts";
export { optionTable, renderOptionTable } from "./config/rows.ts";

/**
 * Narrows options to a complete configuration. Pure: reads no file, opens
 * nothing; relative paths are taken from the working directory.
 *
 * @param options - What the user gave; `undefined` means the default.
 * @param nameOf - How messages call an option, for callers whose options came
 *   from flags or a file. By default its key.
 * @throws SluiceError `ERR_SLUICE_OPTION` that names the option, what it got
 *   and what it takes, for an unknown key, for a value out of its range, and
 *   for values that contradict each other.
 *
 * @example
 * ```ts
 * import { resolveConfig } from "sluice";
 *
 * const { port, shutdownDeadlineMs } = resolveConfig({ shutdownDeadlineMs: "20s" });
 * console.log(port, shutdownDeadlineMs); // 8080 20000
 * ```
 */
export function resolveConfig(
  options: ServerOptions = {},
  nameOf: (key: OptionKey) => string = (key) => key,
): Config {
  refuseUnknownKeys(options);
  const entries = optionKeys.map((key) => {
    const spec: OptionSpec = optionSpecs[key];
    const given: unknown = options[key];
    return [key, resolveOption(spec, given, nameOf(key))] as const;
  });
  // The table's type is what ties each narrowed value to its key, which the
  // compiler cannot follow through a loop.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const config = Object.fromEntries(entries) as Config;
  checkTogether(config, options, nameOf);
  return Object.freeze(config);
}

/**
 * Narrows the value of one option.
 *
 * @param spec - The option's row.
 * @param given - What was given; `undefined` means the default.
 * @param name - How the message calls the option.
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function resolveOption<Spec extends OptionSpec>(
  spec: Spec,
  given: unknown,
  name: string,
): Value<Spec> {
  const value = given === undefined ? spec.default : narrow(spec, given);
  if (value === REFUSED) {
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${name}: got ${spec.kind === "secret" ? "another value (not shown)" : show(given)}, takes ${describeAccepted(spec)}`,
    );
  }
  // What `narrow` returns for a row is what the row's type says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as Value<Spec>;
}

function refuseUnknownKeys(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `options: got ${show(options)}, takes an object such as { port: 8080 }`,
    );
  }
  const unknown = Object.keys(options).find((key) => !isOptionKey(key));
  if (unknown === undefined) return;
  throw new SluiceError(
    "ERR_SLUICE_OPTION",
    describeUnknown(unknown, optionKeys),
  );
}
