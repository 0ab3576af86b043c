import { readFile } from "node:fs/promises";
import type { Call } from "./call.ts";

/** Where the build puts the page: next to this folder's parent, from `src` and from `dist` alike. */
const folder = new URL("../../dist/inspector/", import.meta.url);

const files: Readonly<Record<string, { name: string; type: string }>> = {
  "/": { name: "index.html", type: "text/html; charset=utf-8" },
  "/page.js": { name: "page.js", type: "text/javascript; charset=utf-8" },
  "/page.css": { name: "page.css", type: "text/css; charset=utf-8" },
  "/icon.svg": { name: "icon.svg", type: "image/svg+xml" },
};

/** The paths of the page's files. */
export const pagePaths = Object.keys(files);

/** Gives a file of the page, read anew each time: it is small and asked for seldom. */
export async function sendPage(call: Call): Promise<void> {
  const file = files[call.path] as { name: string; type: string };
  let body: Buffer;
  try {
    body = await readFile(new URL(file.name, folder));
  } catch {
    return call.send(
      503,
      "text/plain; charset=utf-8",
      "The inspector page has not been built: run `npm run build:inspector` in Sluice's folder. The API under /api works without it.\n",
    );
  }
  return call.send(200, file.type, body);
}
