import { suggest } from "../config/suggest.ts";
import { parseDuration } from "../config/units.ts";
import { CallError } from "./call.ts";

/** Where fields come from: a query or a JSON body. */
export type Fields = (name: string) => unknown;

/** Reads an integer, from JSON or from text; `undefined` where it is not given. */
export function readInteger(
  fields: Fields,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const given = fields(name);
  if (given === undefined || given === null || given === "") return undefined;
  const value =
    typeof given === "string" && /^\d{1,15}$/.test(given)
      ? Number(given)
      : given;
  if (
    typeof value === "number" &&
    Number.isInteger(value) &&
    value >= min &&
    value <= max
  )
    return value;
  throw refuse(name, given, `an integer from ${min} to ${max}`);
}

/** Reads a time: milliseconds, or words such as `8s`; `undefined` where it is not given. */
export function readDuration(
  fields: Fields,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const given = fields(name);
  const parsed = typeof given === "string" ? parseDuration(given) : undefined;
  return readInteger(() => parsed ?? given, name, min, max);
}

/** Reads text of limited length; `undefined` where it is empty or not given. */
export function readText(
  fields: Fields,
  name: string,
  maxLength = 512,
): string | undefined {
  const given = fields(name);
  if (given === undefined || given === null || given === "") return undefined;
  if (typeof given === "string" && given.length <= maxLength) return given;
  throw refuse(name, given, `text of at most ${maxLength} characters`);
}

/** Reads true or false, from JSON; `undefined` where it is not given. */
export function readFlag(fields: Fields, name: string): boolean | undefined {
  const given = fields(name);
  if (given === undefined || given === null) return undefined;
  if (typeof given === "boolean") return given;
  throw refuse(name, given, "true or false");
}

/** Reads one of several words. */
export function readWord<Word extends string>(
  fields: Fields,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const given = fields(name);
  if (given === undefined || given === null || given === "") return undefined;
  const word = words.find((each) => each === given);
  if (word !== undefined) return word;
  throw refuse(name, given, words.join(", "));
}

/** Refuses fields that nobody asks for: a mistyped one must not go unnoticed. */
export function refuseOthers(
  given: Iterable<string>,
  known: readonly string[],
): void {
  for (const name of given)
    if (!known.includes(name))
      throw new CallError(400, describeOther(name.slice(0, 64), known));
}

function describeOther(name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  const there = `there are ${known.join(", ")}`;
  return `${name}: no such field; ${meant === undefined ? there : `did you mean ${meant}?`}`;
}

function refuse(name: string, given: unknown, accepted: string): CallError {
  const shown = JSON.stringify(given)?.slice(0, 80) ?? typeof given;
  return new CallError(400, `${name}: got ${shown}, takes ${accepted}`);
}
