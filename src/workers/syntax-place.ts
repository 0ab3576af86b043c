import { execFile } from "node:child_process";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** How Node heads a stack when it knows where the source is wrong. */
const HEADING = /^((?:file:\/\/|\/|[A-Z]:\\).+:\d+)$/m;
const PATIENCE_MS = 5_000;

/**
 * Finds where the source of a module, or of one that it imports, cannot be
 * parsed. Node knows, but says so only when the error ends a process: for
 * JavaScript modules the error itself has no place.
 *
 * @param error - What `import()` rejected with.
 * @returns `file:line`, as much of it as can be found, or `undefined`
 */
export async function syntaxPlaceOf(
  url: string,
  error: unknown,
): Promise<string | undefined> {
  if (!(error instanceof SyntaxError)) return undefined;
  const place = headingOf(error.stack ?? "");
  if (place !== undefined) return place;
  const file = await lastLoaded(url);
  return file === undefined ? undefined : ((await check(file)) ?? file);
}

function headingOf(text: string): string | undefined {
  const [, place] = HEADING.exec(text) ?? [];
  return place?.startsWith("file:")
    ? place.replace(/^file:.+(?=:\d+$)/, (address) => fileURLToPath(address))
    : place;
}

/** A module that cannot be parsed is the last one that is loaded. */
async function lastLoaded(url: string): Promise<string | undefined> {
  let last: string | undefined;
  const hooks = registerHooks({
    load(address, context, next) {
      last = address;
      return next(address, context);
    },
  });
  try {
    await import(url);
  } catch {
    // As before.
  } finally {
    hooks.deregister();
  }
  return last?.startsWith("file:") ? fileURLToPath(last) : undefined;
}

/** Parses a file in a process that does nothing else, and says where it fails. */
async function check(file: string): Promise<string | undefined> {
  try {
    await promisify(execFile)(process.execPath, ["--check", file], {
      timeout: PATIENCE_MS,
    });
    return undefined;
  } catch (error) {
    return headingOf(String((error as { stderr?: unknown }).stderr));
  }
}
