import { optionTable } from "../config.ts";
import { toRows } from "../config/rows.ts";
import type { OptionRow } from "../config/rows.ts";
import type { OptionSpec } from "../config/table.ts";

/** Options of the command line alone: they say how to talk, not how to serve. */
export const commandLineSpecs = {
  config: {
    kind: "file",
    group: "Command line",
    description: "options from a .json, .js, .mjs or .ts file",
    default: undefined,
    common: true,
  },
  report: {
    kind: "choice",
    group: "Command line",
    description: "shutdown report on stdout",
    default: undefined,
    defaultText: "text on a terminal",
    choices: ["json", "text", "none"],
    common: true,
  },
  log: {
    kind: "choice",
    group: "Command line",
    description: "log format on stderr",
    default: undefined,
    defaultText: "pretty on a terminal",
    choices: ["json", "pretty"],
  },
  logLevel: {
    kind: "choice",
    group: "Command line",
    description: "trace, debug, info, warn, error or silent",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    common: true,
  },
} as const satisfies Record<string, OptionSpec>;

/** Every flag of `sluice serve`, in the order in which help shows them. */
export const serveRows: readonly OptionRow[] = [
  ...optionTable,
  ...toRows(commandLineSpecs),
];
