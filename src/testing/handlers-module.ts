import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @param handlers - What was given as the URL of a module.
 * @throws TypeError when it is none, Error when there is no such file
 */
export function checkModule(handlers: unknown): URL {
  if (!(handlers instanceof URL))
    throw new TypeError(
      `handlers: got ${typeof handlers === "string" ? JSON.stringify(handlers) : String(handlers)}, takes the URL of a module, such as new URL("handlers.ts", import.meta.url)`,
    );
  if (handlers.protocol === "file:" && !existsSync(handlers))
    throw new Error(`handlers: there is no file ${fileURLToPath(handlers)}`);
  return handlers;
}
