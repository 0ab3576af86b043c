import { basename } from "node:path";

import { optionKeys, resolveConfig, resolveOption } from "../config.ts";
import type { Config, ServerOptions } from "../config.ts";
import { readConfigFile } from "./config-file.ts";
import { readEnvironment } from "./environment.ts";
import type { Io } from "./io.ts";
import type { Level } from "./log-line.ts";
import { commandLineSpecs, serveRows } from "./option-rows.ts";

/** How the command line talks. */
export interface TalkSettings {
  readonly report: "json" | "text" | "none";
  readonly log: "json" | "pretty";
  readonly logLevel: Level | "silent";
}

/** Everything that `sluice serve` was told, from all its sources. */
export interface Settings {
  readonly config: Config;
  readonly talk: TalkSettings;
  /** What deserves a warning but stops nothing. */
  readonly warnings: readonly string[];
}

interface Source {
  readonly given: ReadonlyMap<string, unknown>;
  /** How a message calls an option that came from here. */
  readonly nameOf: (key: string) => string;
}

/** Where the command line's defaults differ from the library's: whoever starts a server from a shell wants to look at it. */
const shellDefaults: ServerOptions = { admin: true };

const rowOf = new Map(serveRows.map((row) => [row.key, row]));

/**
 * Brings flags, environment, config file and defaults together, in this order
 * of precedence, and narrows the result.
 *
 * @param flags - What the command line gave, by option key.
 * @throws SluiceError `ERR_SLUICE_OPTION` that names the option as its source
 *   does: `--port`, `SLUICE_PORT`, `port in sluice.config.json`.
 */
export async function readSettings(
  flags: ReadonlyMap<string, unknown>,
  io: Pick<Io, "env" | "stdout" | "stderr">,
): Promise<Settings> {
  const environment = readEnvironment(io.env, serveRows);
  const sources: Source[] = [
    { given: flags, nameOf: flagName },
    { given: environment.given, nameOf: (key) => rowOf.get(key)?.env ?? key },
  ];
  const file = resolve("config", sources);
  if (file !== undefined) sources.push(await readFileSource(file));

  const options = Object.fromEntries(
    optionKeys.map((key) => [
      key,
      find(key, sources)?.given.get(key) ?? shellDefaults[key],
    ]),
  );
  return {
    config: resolveConfig(options, (key) => nameOf(key, sources)),
    talk: {
      report: resolve("report", sources) ?? (io.stdout.isTTY ? "text" : "none"),
      log: resolve("log", sources) ?? (io.stderr.isTTY ? "pretty" : "json"),
      logLevel: resolve("logLevel", sources),
    },
    warnings: environment.warnings,
  };
}

async function readFileSource(path: string): Promise<Source> {
  const name = basename(path);
  // A config file that names another one would be a riddle.
  const rows = serveRows.filter((row) => row.key !== "config");
  return {
    given: await readConfigFile(path, name, rows),
    nameOf: (key) => `${key} in ${name}`,
  };
}

function resolve<Key extends keyof typeof commandLineSpecs>(
  key: Key,
  sources: readonly Source[],
) {
  return resolveOption(
    commandLineSpecs[key],
    find(key, sources)?.given.get(key),
    nameOf(key, sources),
  );
}

/** The source that counts for an option: the first that has it. */
function find(key: string, sources: readonly Source[]): Source | undefined {
  return sources.find(({ given }) => given.has(key));
}

function nameOf(key: string, sources: readonly Source[]): string {
  return find(key, sources)?.nameOf(key) ?? flagName(key);
}

function flagName(key: string): string {
  return rowOf.get(key)?.flag ?? key;
}
