import { Option } from "commander";
import type { Command } from "commander";

import type { OptionRow } from "../config/rows.ts";
import type { OptionKind } from "../config/table.ts";

const placeholders: Readonly<Record<OptionKind, string>> = {
  port: "PORT",
  integer: "N",
  duration: "TIME",
  bytes: "SIZE",
  closeCode: "CODE",
  host: "HOST",
  file: "FILE",
  module: "MODULE",
  choice: "NAME",
  boolean: "",
  origins: "LIST",
  servers: "LIST",
  name: "NAME",
  addresses: "LIST",
  tokens: "LIST",
  hosts: "LIST",
  secret: "TOKEN",
  url: "URL",
};

/** Kinds whose flag may be repeated. */
const lists = new Set<OptionKind>(["origins", "addresses", "tokens", "hosts"]);

/** Longer lists of choices go into the description. */
const MAX_PLACEHOLDER_LENGTH = 16;

function placeholderOf({ kind, choices = [] }: OptionRow): string {
  const all = choices.join("|");
  return all !== "" && all.length <= MAX_PLACEHOLDER_LENGTH
    ? all
    : placeholders[kind];
}

/** `--port PORT`, as help shows a flag. */
export function flagTerm(row: OptionRow): string {
  const placeholder = placeholderOf(row);
  return placeholder === "" ? row.flag : `${row.flag} ${placeholder}`;
}

/**
 * Gives a command one flag per row. Values stay text here: they are narrowed
 * together with those of the environment and the config file.
 */
export function addFlags(command: Command, rows: readonly OptionRow[]): void {
  for (const row of rows) {
    if (row.kind === "boolean") {
      command.addOption(new Option(row.flag, row.description));
      // Only a flag can overrule an environment variable that says true.
      command.addOption(new Option(row.flag.replace("--", "--no-")).hideHelp());
      continue;
    }
    const option = new Option(
      `${row.flag} <${placeholderOf(row)}>`,
      row.description,
    );
    if (lists.has(row.kind)) {
      option.argParser((value, previous?: string) =>
        previous === undefined ? value : `${previous},${value}`,
      );
    }
    command.addOption(option);
  }
}

/** What the command line gave, by option key. */
export function readFlags(
  command: Command,
  rows: readonly OptionRow[],
): ReadonlyMap<string, unknown> {
  const given = new Map<string, unknown>();
  const values = command.opts<Readonly<Record<string, unknown>>>();
  for (const row of rows) {
    const value = values[new Option(row.flag).attributeName()];
    if (value !== undefined) given.set(row.key, value);
  }
  return given;
}
