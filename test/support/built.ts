import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The folder of the project, where commands of npm run. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Makes sure that `dist` is as new as `src`, for tests of what users get: the
 * package by its name. Meant for a `beforeAll`; costs nothing after `npm run build`.
 */
export async function ensureBuilt(): Promise<void> {
  const built = await stat(join(root, "dist/index.js")).catch(() => undefined);
  if (built !== undefined && built.mtimeMs > (await newestSource())) return;
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [
    tsc,
    "-p",
    join(root, "tsconfig.build.json"),
  ]);
  const slim = join(root, "scripts/slim-package.ts");
  await promisify(execFile)(process.execPath, [slim]);
}

async function newestSource(): Promise<number> {
  const source = join(root, "src");
  const names = await readdir(source, { recursive: true });
  const times = names
    .filter((name) => name.endsWith(".ts"))
    .map(async (name) => (await stat(join(source, name))).mtimeMs);
  return Math.max(...(await Promise.all(times)));
}
