import { suggest } from "../config/suggest.ts";
import { parseDuration } from "../config/units.ts";
import { CallError } from "./call-error.ts";

/** What a caller gives, by name, from a query or a JSON body; `undefined` is what he does not give, and nothing else is. */
export type Fields = (name: string) => unknown;

/**
 * The fields of a query.
 *
 * @throws CallError 400 for one that nobody knows, or that is given twice.
 */
export function readQuery(
  query: URLSearchParams,
  takes: readonly string[],
): Fields {
  refuseOthers(query.keys(), takes);
  for (const name of takes)
    if (query.getAll(name).length > 1)
      throw new CallError(400, `${name}: is given twice`);
  return (name) => query.get(name) ?? undefined;
}

/**
 * The fields of a body, which is a JSON object; none where there is no body.
 *
 * @throws CallError 400 for anything else, and for a field that nobody knows.
 */
export function readBody(text: string, takes: readonly string[]): Fields {
  const body: unknown = text === "" ? {} : parse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw refuse("the body", body, "a JSON object");
  refuseOthers(Object.keys(body), takes);
  return (name) => (body as Record<string, unknown>)[name];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CallError(
      400,
      `the body: got ${JSON.stringify(text.slice(0, 80))}, takes a JSON object`,
    );
  }
}

/** Reads an integer, from JSON or from text; `undefined` where it is not given. */
export function readInteger(
  fields: Fields,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const given = fields(name);
  if (given === undefined) return undefined;
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

/** Reads text of limited length; `undefined` where it is not given. */
export function readText(
  fields: Fields,
  name: string,
  { minLength = 1, maxLength = 512 } = {},
): string | undefined {
  const given = fields(name);
  if (given === undefined) return undefined;
  const isText = typeof given === "string";
  if (isText && given.length >= minLength && given.length <= maxLength)
    return given;
  throw refuse(name, given, `text of ${minLength} to ${maxLength} characters`);
}

/** Reads true or false, from JSON; `undefined` where it is not given. */
export function readFlag(fields: Fields, name: string): boolean | undefined {
  const given = fields(name);
  if (given === undefined) return undefined;
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
  if (given === undefined) return undefined;
  const word = words.find((each) => each === given);
  if (word !== undefined) return word;
  throw refuse(name, given, words.join(", "));
}

/** Refuses fields that nobody asks for: a mistyped one must not go unnoticed. */
function refuseOthers(given: Iterable<string>, known: readonly string[]): void {
  for (const name of given)
    if (!known.includes(name))
      throw new CallError(400, describeOther(name.slice(0, 64), known));
}

function describeOther(name: string, known: readonly string[]): string {
  if (known.length === 0) return `${name}: no such field; this call takes none`;
  const meant = suggest(name, known);
  const there = `there are ${known.join(", ")}`;
  return `${name}: no such field; ${meant === undefined ? there : `did you mean ${meant}?`}`;
}

function refuse(name: string, given: unknown, accepted: string): CallError {
  const shown = JSON.stringify(given)?.slice(0, 80) ?? typeof given;
  return new CallError(400, `${name}: got ${shown}, takes ${accepted}`);
}
