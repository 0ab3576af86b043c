import { SluiceError } from "../errors.ts";
import { describeUnknown, show } from "./describe.ts";
import { describeAccepted, narrow, REFUSED } from "./narrow.ts";
import type { OptionSpec } from "./table.ts";
import { MAX_DELAY_MS } from "./units.ts";

/** One argument of a public call: narrowed as an option is, or by its type. */
type ArgumentSpec =
  | Pick<OptionSpec, "kind" | "min" | "max" | "choices">
  | {
      readonly accepts: string;
      readonly is: (given: unknown) => boolean;
    };

/** Milliseconds, or words such as `8s`. */
export const DURATION: ArgumentSpec = { kind: "duration", max: MAX_DELAY_MS };
/** The index of a shard. */
export const SHARD: ArgumentSpec = { kind: "integer", max: 65_535 };
export const FLAG: ArgumentSpec = { kind: "boolean" };
export const TEXT: ArgumentSpec = {
  accepts: "text",
  is: (given) => typeof given === "string",
};
/** How a path begins, which is always with a slash: nothing at all would be how all begin. */
export const PATH_PREFIX: ArgumentSpec = {
  accepts: 'how a path begins, such as "/room"',
  is: (given) => typeof given === "string" && given.startsWith("/"),
};
export const LISTENER: ArgumentSpec = {
  accepts: "a function",
  is: (given) => typeof given === "function",
};
export const SIGNAL: ArgumentSpec = {
  accepts: "an AbortSignal",
  // Also of another realm.
  is: (given) =>
    typeof given === "object" &&
    given !== null &&
    "aborted" in given &&
    "addEventListener" in given,
};

/** What a call takes, by name. */
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

/**
 * Narrows one argument of a public call.
 *
 * @param name - How the message calls it, such as `restartShard(): shard`.
 * @returns `undefined` where it was not given
 * @throws SluiceError `ERR_SLUICE_OPTION`, which says what was given and what is taken.
 */
export function narrowArgument(
  spec: ArgumentSpec,
  given: unknown,
  name: string,
): unknown {
  return given === undefined ? undefined : requireArgument(spec, given, name);
}

/** The same for one that has to be given. */
export function requireArgument(
  spec: ArgumentSpec,
  given: unknown,
  name: string,
): unknown {
  if ("is" in spec) {
    if (spec.is(given)) return given;
    throw refusal(`${name}: got ${show(given)}, takes ${spec.accepts}`);
  }
  const row = {
    group: "Serving",
    description: "",
    default: 0,
    ...spec,
  } as const;
  const value = narrow(row, given);
  if (value !== REFUSED) return value;
  throw refusal(`${name}: got ${show(given)}, takes ${describeAccepted(row)}`);
}

/**
 * Narrows an argument that is an object: unknown keys are refused, since one that
 * is mistyped would mean everything.
 *
 * @param caller - Named in the message, such as `drain()`.
 * @returns only what was given, narrowed as the specs say
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function narrowArguments(
  specs: ArgumentSpecs,
  given: unknown,
  caller: string,
): Record<string, unknown> {
  if (given === undefined) return {};
  checkKeys(Object.keys(specs), given, caller);
  const narrowed: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(specs)) {
    const value: unknown = Reflect.get(given, key);
    if (value !== undefined)
      narrowed[key] = narrowArgument(spec, value, `${caller}: ${key}`);
  }
  return narrowed;
}

/** @throws SluiceError `ERR_SLUICE_OPTION` for what is no object, and for a key that nobody knows. */
export function checkKeys(
  known: readonly string[],
  given: unknown,
  caller: string,
): asserts given is object {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw refusal(
      `${caller}: got ${show(given)}, takes an object with ${known.join(", ")}`,
    );
  for (const key of Object.keys(given))
    if (!known.includes(key))
      throw refusal(`${caller}: ${describeUnknown(key, known)}`);
}

/**
 * For where there is no time for more: text and numbers are no truth.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function checkFlag(given: unknown, name: string): void {
  if (given !== undefined && typeof given !== "boolean")
    throw refusal(`${name}: got ${show(given)}, takes true or false`);
}

function refusal(message: string): SluiceError {
  return new SluiceError("ERR_SLUICE_OPTION", message);
}
