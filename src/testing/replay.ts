import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Where a test has called the kit: its file, relative to the working folder. */
export type Caller = string | undefined;

const KIT = fileURLToPath(new URL(".", import.meta.url));

/** The file of who has called the kit; undefined where the stack does not say. */
export function findCaller(): Caller {
  const places = new Error().stack?.split("\n").slice(1) ?? [];
  for (const place of places) {
    const [, found = ""] =
      /((?:file:\/\/)?\/[^():]+|[A-Z]:\\[^():]+):\d+:\d+/.exec(place) ?? [];
    const file = found.startsWith("file:") ? fileURLToPath(found) : found;
    if (file === "" || file.startsWith(KIT) || file.includes("node_modules"))
      continue;
    return relative(process.cwd(), file);
  }
  return undefined;
}

/**
 * The command that plays something again, under the test runner that runs now.
 *
 * @param variable - Of the environment; it says what is played.
 */
export function replayCommand(
  variable: string,
  value: string | number,
  caller: Caller,
): string {
  return `${variable}=${value} ${[...runner(), caller ?? ""].join(" ")}`.trimEnd();
}

function runner(): string[] {
  const { env, execArgv } = process;
  if (env["VITEST"] !== undefined) return ["npx", "vitest", "run"];
  return env["NODE_TEST_CONTEXT"] === undefined
    ? ["node", ...loadersIn(execArgv)]
    : ["node", ...loadersIn(execArgv), "--test"];
}

const LOADER =
  /^(?:--import|--require|-r|--loader|--experimental-loader|--conditions|-C)(=|$)/;

/** What modules are loaded with. Whatever else Node was given, its test runner spells out every option there is. */
function loadersIn(execArgv: readonly string[]): string[] {
  return execArgv.flatMap((option, index) => {
    const [, equals] = LOADER.exec(option) ?? [];
    if (equals === undefined) return [];
    return equals === "=" ? [option] : [option, execArgv[index + 1] ?? ""];
  });
}

/** What {@link simulate} is to play again. */
export const SEED_VARIABLE = "SLUICE_SEED";
/** What `lives` are to play again. */
export const LIFE_VARIABLE = "SLUICE_LIFE";

/**
 * The seed that is to be played instead of all others.
 *
 * @throws RangeError when it is none
 */
export function seedToReplay(): number | undefined {
  const value = process.env[SEED_VARIABLE];
  if (value === undefined || value === "") return undefined;
  const seed = Number(value);
  if (!Number.isSafeInteger(seed))
    throw new RangeError(
      `${SEED_VARIABLE}: got ${value}, takes the seed that a failure has named`,
    );
  return seed;
}
