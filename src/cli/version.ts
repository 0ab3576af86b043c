import { readFileSync } from "node:fs";

/** The package's version; its package.json is two folders up, from `src` and from `dist`. */
export function readVersion(): string {
  const text = readFileSync(
    new URL("../../package.json", import.meta.url),
    "utf8",
  );
  const manifest: unknown = JSON.parse(text);
  const isManifest = typeof manifest === "object" && manifest !== null;
  return isManifest && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}
