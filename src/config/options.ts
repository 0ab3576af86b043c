import { optionSpecs } from "./table.ts";
import type { KindTypes, OptionSpec } from "./table.ts";

type Specs = typeof optionSpecs;

/** The name of an option, as the library and config files spell it. */
export type OptionKey = keyof Specs;

type Words<Spec> = Spec extends { words: readonly (infer Word)[] }
  ? Word
  : never;

export type Value<Spec extends OptionSpec> =
  | (Spec extends { choices: readonly (infer Choice)[] }
      ? Choice
      : KindTypes[Spec["kind"]])
  | Words<Spec>
  | Extract<Spec["default"], undefined>;

type Input<Spec extends OptionSpec> =
  Value<Spec> extends boolean
    ? boolean
    : Spec extends { kind: "choice" }
      ? Value<Spec>
      : Spec extends { kind: "file" | "module" }
        ? string | URL
        : Value<Spec> | string;

/**
 * What a user of the library passes. Every option may be left out. Durations
 * (`…Ms`) take milliseconds or `"8s"`, sizes (`…Bytes`) bytes or `"1MiB"`, lists an
 * array or text with commas. docs/options.md has the whole table.
 */
export type ServerOptions = {
  readonly [Key in OptionKey]?: Input<Specs[Key]> | undefined;
};

/**
 * Every option with its value: narrowed once, frozen, plain data that can be
 * posted to a worker thread. It is itself acceptable as {@link ServerOptions}.
 */
export type Config = {
  readonly [Key in OptionKey]: Value<Specs[Key]>;
};

/** Every option's name, in the order of the table. */
export const optionKeys: readonly OptionKey[] =
  Object.keys(optionSpecs).filter(isOptionKey);

export function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(optionSpecs, key);
}
