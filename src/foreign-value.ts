import { inspect, types } from "node:util";

/**
 * What was thrown or rejected by code that is not ours, as plain strings: it
 * can be cloned, sent to another thread, and written as JSON, whatever the
 * value itself was.
 */
export interface ForeignValue {
  /** `TypeError`; of what is no error, its type. */
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Such as `ECONNREFUSED`. */
  readonly code?: string;
  readonly cause?: ForeignValue;
  /** Of an `AggregateError`. */
  readonly errors?: readonly ForeignValue[];
}

/** Longer texts are cut: a log line is no place for a client's megabyte. */
const LONGEST_TEXT = 16_384;
/** Causes of causes, down to here. */
const DEEPEST = 8;
/** Of the errors in one, so many are described. */
const MOST_ERRORS = 16;
/** In all, however they hang together. */
const MOST_DESCRIBED = 64;

const CANNOT_BE_READ = "(cannot be read)";

/**
 * Describes any value at all, for logs, diagnostics and other threads. It
 * never throws: getters may, proxies may, and `toString` may be missing.
 */
export function describeForeign(value: unknown): ForeignValue {
  return new Description().of(value, 0);
}

/**
 * The same in one line, for a sentence of ours: the message, and what it leaves
 * out of the code, the errors within and the cause.
 */
export function sayForeign(value: unknown): string {
  return say(describeForeign(value)).slice(0, LONGEST_TEXT);
}

/** An error again, on the other side of a thread's border. */
export function reviveForeign({
  name,
  message,
  stack,
  code,
  cause,
  errors,
}: ForeignValue): Error {
  const error = new Error(
    message,
    cause === undefined ? undefined : { cause: reviveForeign(cause) },
  );
  // As an error has them that was thrown here: not to be seen by who lists its fields.
  const define = (key: string, value: unknown): void =>
    void Object.defineProperty(error, key, {
      value,
      writable: true,
      configurable: true,
    });
  define("name", name);
  define("stack", stack ?? `${name}: ${message}`);
  if (code !== undefined) Object.assign(error, { code });
  if (errors !== undefined) define("errors", errors.map(reviveForeign));
  return error;
}

class Description {
  readonly #seen = new Set<unknown>();

  of(value: unknown, depth: number): ForeignValue {
    this.#seen.add(value);
    if (!isErrorLike(value))
      return {
        name: typeName(value),
        message: textOf(value),
        stack: undefined,
      };
    const stack = read(value, "stack");
    const code = read(value, "code");
    const errors = this.#within(read(value, "errors"), depth);
    const cause = read(value, "cause");
    const hasCause = cause !== undefined && this.#isWorthIt(cause, depth);
    return {
      name: nameOf(value),
      message: textOf(read(value, "message")),
      stack: typeof stack === "string" ? cut(stack) : undefined,
      ...(isCode(code) && { code: cut(String(code)) }),
      ...(hasCause && { cause: this.of(cause, depth + 1) }),
      ...(errors.length > 0 && { errors }),
    };
  }

  #within(errors: unknown, depth: number): ForeignValue[] {
    const described: ForeignValue[] = [];
    for (let index = 0; index < MOST_ERRORS; index++) {
      if (!isArray(errors) || !hasIndex(errors, index)) break;
      const error = read(errors, String(index));
      if (this.#isWorthIt(error, depth))
        described.push(this.of(error, depth + 1));
    }
    return described;
  }

  /** What is its own cause is described once. */
  #isWorthIt(value: unknown, depth: number): boolean {
    const isKnown = isObject(value) && this.#seen.has(value);
    return !isKnown && depth < DEEPEST && this.#seen.size < MOST_DESCRIBED;
  }
}

function say({ name, message, code, cause, errors }: ForeignValue): string {
  const parts = [
    message === "" ? (code ?? (errors === undefined ? name : "")) : message,
    ...(errors ?? []).map(say),
    ...(cause === undefined ? [] : [say(cause)]),
  ];
  const said = parts.reduce((before, part) => {
    if (before === "" || part === "") return before + part;
    return before.includes(part) ? before : `${before}: ${part}`;
  }, "");
  return code === undefined || said.includes(code) ? said : `${said} (${code})`;
}

type Thing = object;

function isObject(value: unknown): value is Thing {
  const isFunction = typeof value === "function";
  return isFunction || (typeof value === "object" && value !== null);
}

/** An error, of this realm or another, or what is made like one. */
function isErrorLike(value: unknown): value is Thing {
  if (!isObject(value)) return false;
  return (
    types.isNativeError(value) || typeof read(value, "message") === "string"
  );
}

/** A property of what may be a trap. */
function read(value: Thing, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return key === "message" ? CANNOT_BE_READ : undefined;
  }
}

/** Throws for a proxy that was revoked, otherwise. */
function isArray(value: unknown): value is Thing {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function hasIndex(errors: Thing, index: number): boolean {
  try {
    return index in errors;
  } catch {
    return false;
  }
}

function isCode(code: unknown): code is string | number {
  return (typeof code === "string" && code !== "") || typeof code === "number";
}

function nameOf(error: Thing): string {
  const name = read(error, "name");
  return typeof name === "string" && name !== "" ? cut(name) : "Error";
}

function typeName(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return cut(value);
  if (!isObject(value)) return cut(String(value));
  try {
    // Its own way to be shown is code as well, and may be the trap.
    return cut(
      inspect(value, {
        customInspect: false,
        depth: 2,
        maxArrayLength: 20,
        maxStringLength: 1_000,
        breakLength: Infinity,
      }),
    );
  } catch {
    return CANNOT_BE_READ;
  }
}

function cut(text: string): string {
  return text.length <= LONGEST_TEXT
    ? text
    : `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)`;
}
