import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SluiceError } from "../errors.ts";
import type { Handlers } from "../handlers.ts";
import demoHandlers from "./demo-handlers.ts";

const HOOKS: readonly (keyof Handlers)[] = [
  "started",
  "authorize",
  "opened",
  "message",
  "dropped",
  "draining",
  "suspend",
  "resume",
  "closed",
];

/**
 * Imports the handlers module of a shard.
 *
 * @param module - A path or URL; without one, the echo and chat of the demo.
 * @throws SluiceError `ERR_SLUICE_HANDLERS` when it cannot be imported or is
 *   not an object of hooks.
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
  let imported: { default?: unknown };
  try {
    imported = await import(url);
  } catch (cause) {
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      `handlers: ${module} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return checkHandlers(module, imported.default ?? imported);
}

function checkHandlers(module: string, value: unknown): Handlers {
  if (typeof value !== "object" || value === null)
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      `handlers: ${module} exports ${typeof value} by default, takes an object with some of ${HOOKS.join(", ")}`,
    );
  const hooks = HOOKS.filter((hook) => hook in value);
  const wrong = hooks.find(
    (hook) => typeof (value as Record<string, unknown>)[hook] !== "function",
  );
  if (wrong !== undefined || hooks.length === 0)
    throw new SluiceError(
      "ERR_SLUICE_HANDLERS",
      wrong === undefined
        ? `handlers: ${module} has no hook, takes some of ${HOOKS.join(", ")}`
        : `handlers: ${wrong} in ${module} is not a function`,
    );
  return value;
}
