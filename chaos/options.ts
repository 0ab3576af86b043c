import { parseArgs } from "node:util";

/** How long, how many, and from which seed. */
export interface ChaosOptions {
  readonly minutes: number;
  readonly clients: number;
  readonly workers: number;
  readonly seed: number;
}

export const USAGE = `npm run chaos -- [flags]

  --minutes M   how long the chaos lasts (5 otherwise)
  --clients N   clients at the same time (150 otherwise)
  --workers N   shards (2 otherwise)
  --seed S      of the dice; the run depends on timing as well`;

/** Reads the command line. @throws TypeError on a flag or a number that makes no sense. */
export function readOptions(
  commandLine: readonly string[],
): ChaosOptions | "help" {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      minutes: { type: "string", default: "5" },
      clients: { type: "string", default: "150" },
      workers: { type: "string", default: "2" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  return {
    minutes: positive("--minutes", values.minutes),
    clients: Math.ceil(positive("--clients", values.clients)),
    workers: Math.ceil(positive("--workers", values.workers)),
    seed: positive("--seed", values.seed ?? String(1 + (Date.now() % 1e9))),
  };
}

function positive(flag: string, value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new TypeError(`${flag} takes a number above 0, got "${value}"`);
}
