import { hostname } from "node:os";
import { inspect } from "node:util";

/** The levels of the log and the numbers that stand for them in JSON, as pino and Bunyan have them. */
export const levelNumbers = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
} as const;

export type Level = keyof typeof levelNumbers;

/** What a line says besides its text. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whose log it is; the same for every line. */
const origin = `"pid":${process.pid},"hostname":${JSON.stringify(hostname())}`;

/** Causes of causes, before it is enough. */
const MAX_CAUSES = 16;

interface ErrorLike {
  readonly message: string;
  readonly name?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/**
 * One line of JSON, in the format of pino: what reads its logs reads ours. A
 * field `err` is an error, and is told with its causes.
 */
export function renderJsonLine(
  level: Level,
  atMs: number,
  fields: Fields,
  text: string,
): string {
  let line = `{"level":${levelNumbers[level]},"time":${atMs},${origin}`;
  for (const [name, value] of Object.entries(fields)) {
    const json = toJson(name === "err" ? describeError(value) : value);
    if (json !== undefined) line += `,${JSON.stringify(name)}:${json}`;
  }
  return `${line},"msg":${JSON.stringify(text)}}\n`;
}

/** What JSON has no words for is told as Node would print it. */
function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(inspect(value, { customInspect: false }));
  }
}

function isErrorLike(value: unknown): value is ErrorLike {
  return (
    typeof value === "object" &&
    value !== null &&
    "message" in value &&
    typeof value.message === "string"
  );
}

/** An error as a record: its own fields too, and what its causes say behind what it says itself. */
function describeError(error: unknown, depth = 0): unknown {
  if (!isErrorLike(error) || depth > MAX_CAUSES) return error;
  const chain = causesOf(error);
  const described: Record<string, unknown> = {
    type:
      typeof error.constructor === "function"
        ? error.constructor.name
        : error.name,
    message: chain.map(({ message }) => message).join(": "),
    stack: chain.map(stackOf).join("\ncaused by: "),
  };
  if (Array.isArray(error.errors))
    described["aggregateErrors"] = error.errors.map((each) =>
      describeError(each, depth + 1),
    );
  for (const [name, value] of Object.entries(error)) {
    if (described[name] !== undefined) continue;
    if (!isErrorLike(value)) described[name] = value;
    else if (name !== "cause")
      described[name] = describeError(value, depth + 1);
  }
  return described;
}

function stackOf({ stack }: ErrorLike): string {
  return typeof stack === "string" ? stack : "";
}

function causesOf(error: ErrorLike): readonly ErrorLike[] {
  const chain: ErrorLike[] = [error];
  let { cause } = error;
  while (
    isErrorLike(cause) &&
    !chain.includes(cause) &&
    chain.length < MAX_CAUSES
  ) {
    chain.push(cause);
    ({ cause } = cause);
  }
  return chain;
}
