import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { workingFolder } from "../working-folder.ts";

import { describeUnknown } from "../config.ts";
import { defaultExportOf } from "../config/default-export.ts";
import type { OptionRow } from "../config/rows.ts";
import { SluiceError } from "../errors.ts";
import { sayForeign } from "../foreign-value.ts";

const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * Reads a config file: a JSON object, or a module whose default export is one.
 * Paths in it are relative to the file, not to where the command was started.
 *
 * @param path - Of a `.json`, `.js`, `.mjs` or `.ts` file.
 * @param name - How messages call the file.
 * @param rows - The options that it may hold.
 * @returns What it gave, by option key.
 * @throws SluiceError `ERR_SLUICE_OPTION` for a file that cannot be read, and
 *   for a key that is no option.
 */
export async function readConfigFile(
  path: string,
  name: string,
  rows: readonly OptionRow[],
): Promise<ReadonlyMap<string, unknown>> {
  const content = await load(path, name);
  if (!isRecord(content)) {
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${name}: ${extname(path) === ".json" ? "is" : "its default export is"} no object of options such as { "port": 8080 }`,
    );
  }
  const known = new Map(rows.map((row) => [row.key, row]));
  const given = new Map<string, unknown>();
  for (const [key, value] of Object.entries(content)) {
    const row = known.get(key);
    if (row === undefined) {
      const unknown = describeUnknown(key, [...known.keys()]);
      throw new SluiceError("ERR_SLUICE_OPTION", `${unknown} (in ${name})`);
    }
    if (value !== undefined) given.set(key, absolute(row, value, path));
  }
  return given;
}

async function load(path: string, name: string): Promise<unknown> {
  try {
    if (extname(path) === ".json") {
      const text = await readFile(path, "utf8");
      // Editors on Windows begin with a byte order mark; RFC 8259, 8.1: it may be ignored.
      return JSON.parse(text.replace(BYTE_ORDER_MARK, ""));
    }
    const module: object = await import(pathToFileURL(path).href);
    return "default" in module ? defaultExportOf(module) : undefined;
  } catch (error) {
    const reason = sayForeign(error);
    throw new SluiceError(
      "ERR_SLUICE_OPTION",
      `${name}: cannot be read as a config file: ${reason}`,
      { cause: error },
    );
  }
}

function absolute({ kind }: OptionRow, value: unknown, path: string): unknown {
  const isPath = kind === "file" || kind === "module";
  if (!isPath || typeof value !== "string" || /^[a-z]+:/i.test(value)) {
    return value;
  }
  return resolve(workingFolder, dirname(path), value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
