/** The benchmark's command line. */
import { parseArgs } from "node:util";

export const usage = `Usage: npm run bench -- [CASE...] [options]

Measures Sluice beside its rivals; without a CASE all of them, for docs/benchmarks.md.

  --list             name the cases
  --servers A,B      only these servers (always the cases' references too, if named)
  --rounds N         rounds of every case (default 3)
  --seconds S        length of one measurement (default 2)
  --quick            one short round, fewer connections: a first impression
  --json             print the results as JSON instead of tables
  --publish          put the named cases into docs/benchmarks.md (a whole run does)
  --no-publish       leave the docs alone
  --render           render docs/benchmarks.md again from its results, measure nothing
  --guard            compare a few ratios with generous limits, for CI
  --help             this text
`;

/** What the user asked for. */
export interface BenchOptions {
  readonly mode: "measure" | "list" | "render" | "guard" | "help";
  readonly caseNames: readonly string[];
  readonly servers: readonly string[] | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  readonly json: boolean;
  readonly publish: boolean;
}

/**
 * Parses the command line.
 *
 * @param args - Without the runtime and the script.
 * @throws TypeError or RangeError that says what was given and what is taken.
 */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      list: { type: "boolean", default: false },
      servers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      publish: { type: "boolean" },
      render: { type: "boolean", default: false },
      guard: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick } = values;
  const wholeRun =
    positionals.length === 0 && values.servers === undefined && !quick;
  return {
    mode: modeOf(values),
    caseNames: positionals,
    servers: values.servers?.split(","),
    rounds: positive("--rounds", values.rounds, quick ? 1 : 3),
    seconds: positive("--seconds", values.seconds, quick ? 1 : 2),
    quick,
    json: values.json,
    publish: values.publish ?? wholeRun,
  };
}

function modeOf(values: {
  readonly help: boolean;
  readonly list: boolean;
  readonly render: boolean;
  readonly guard: boolean;
}): BenchOptions["mode"] {
  if (values.help) return "help";
  if (values.list) return "list";
  if (values.render) return "render";
  return values.guard ? "guard" : "measure";
}

function positive(
  name: string,
  text: string | undefined,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0)) {
    throw new RangeError(`${name} takes a number above 0, not "${text}".`);
  }
  return value;
}
