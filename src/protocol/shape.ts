/** Whether a value that came over a border is of a kind. */
export type Check = (value: unknown) => boolean;

export const isFlag: Check = (value) => typeof value === "boolean";
export const isNumber: Check = (value) => Number.isFinite(value);
/** Zero or more, and exact. */
export const isCount: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0;
export const isAnything: Check = () => true;
export const isRecord: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Text of at most so many UTF-16 code units. */
export function isText(maxLength = Infinity): Check {
  return (value) => typeof value === "string" && value.length <= maxLength;
}

/** Text that may be shown to people: without control characters, which terminals obey. */
export function isPlainText(maxLength: number): Check {
  return (value) =>
    typeof value === "string" &&
    value.length <= maxLength &&
    !/\p{Cc}/u.test(value);
}

export function isWithin(min: number, max: number): Check {
  return (value) =>
    Number.isFinite(value) &&
    (value as number) >= min &&
    (value as number) <= max;
}

export function isOneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

export function isEither(...checks: readonly Check[]): Check {
  return (value) => checks.some((check) => check(value));
}

export function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** A list of a certain length, each of its own kind. */
export function isTuple(...checks: readonly Check[]): Check {
  return (value) =>
    Array.isArray(value) &&
    value.length === checks.length &&
    checks.every((check, index) => check(value[index]));
}

/** An object whose fields are of these kinds; what else it has is of no account. */
export function hasShape(fields: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(fields);
  return (value) =>
    isRecord(value) &&
    entries.every(([name, check]) =>
      check((value as Record<string, unknown>)[name]),
    );
}
