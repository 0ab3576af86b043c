import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { defaultExportOf } from "../config/default-export.ts";
import { suggest } from "../config/suggest.ts";
import { SluiceError } from "../errors.ts";
import { sayForeign } from "../foreign-value.ts";
import type { Handlers } from "../handlers.ts";
import { hookNames as HOOKS } from "../protocol/hook-names.ts";
import demoHandlers from "./demo-handlers.ts";
import { syntaxPlaceOf } from "./syntax-place.ts";
import { wayOutOf } from "./ways-out.ts";

/**
 * Imports the handlers module of a shard.
 *
 * @param module - A path or URL; without one, the echo and chat of the demo.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` when it cannot be imported, is not
 *   an object of hooks, or has one whose name is mistyped.
 */
export async function loadHandlers(
  module: string | undefined,
): Promise<Handlers> {
  if (module === undefined) return demoHandlers;
  const url = /^[a-z][a-z0-9+.-]+:/i.test(module)
    ? module
    : pathToFileURL(module).href;
  if (url.startsWith("file:") && !existsSync(new URL(url)))
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      `handlers: there is no file ${fileURLToPath(url)}`,
    );
  let imported: object;
  try {
    imported = (await import(url)) as object;
  } catch (cause) {
    const place = await syntaxPlaceOf(url, cause);
    const wayOut = wayOutOf(cause);
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      `handlers: ${module} cannot be loaded: ${sayForeign(cause)}${place === undefined ? "" : ` (${place})`}${wayOut === undefined ? "" : `; ${wayOut}`}`,
      { cause },
    );
  }
  return checkHandlers(module, defaultExportOf(imported));
}

/**
 * @param module - What it is called in an error.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` when the value is not an object of hooks.
 */
export function checkHandlers(module: string, value: unknown): Handlers {
  const refuse = (what: string): never => {
    throw new SluiceError("ERR_SLUICE_HANDLERS", `handlers: ${what}`);
  };
  if (typeof value !== "object" || value === null)
    return refuse(
      `${module} exports ${typeof value} by default, takes an object with some of ${HOOKS.join(", ")}`,
    );
  const hooks = HOOKS.filter((hook) => hook in value);
  const wrong = hooks.find(
    (hook) => typeof (value as Record<string, unknown>)[hook] !== "function",
  );
  if (wrong !== undefined)
    return refuse(`${wrong} in ${module} is not a function`);
  for (const name of functionsOf(value)) {
    const meant = suggest(name, HOOKS);
    if (meant !== undefined)
      return refuse(
        `${name} in ${module} is no hook; did you mean ${meant}? A helper goes by another name, or outside of what is exported`,
      );
  }
  if (hooks.length === 0)
    return refuse(`${module} has no hook, takes some of ${HOOKS.join(", ")}`);
  return value;
}

/** What is no hook and looks as if it were meant to be one: its functions, those of its class included. */
function functionsOf(value: object): readonly string[] {
  const names: string[] = [];
  for (
    let holder: object | null = value;
    holder !== null && holder !== Object.prototype;
    holder = Object.getPrototypeOf(holder) as object | null
  )
    for (const [name, { enumerable, value: own }] of Object.entries(
      Object.getOwnPropertyDescriptors(holder),
    )) {
      // Bundlers export through getters.
      const held: unknown =
        enumerable === true
          ? (value as Record<string, unknown>)[name]
          : (own as unknown);
      const isKnown =
        name === "constructor" || (HOOKS as readonly string[]).includes(name);
      if (!isKnown && typeof held === "function") names.push(name);
    }
  return names;
}
