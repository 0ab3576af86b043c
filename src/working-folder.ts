import { realpathSync, statSync } from "node:fs";
import { isAbsolute, parse, sep } from "node:path";

/**
 * Where the process was started, as it was called then. The system itself
 * remembers the folder only, not that a link such as `current` led there; a
 * shell leaves the name in `PWD`. A deploy lets the link lead elsewhere, and may
 * remove the folder.
 */
export const workingFolder = nameOf(process.cwd(), process.env["PWD"]);

const physicalFolder = process.cwd();

function nameOf(folder: string, name: string | undefined): string {
  if (name === undefined || !isAbsolute(name)) return folder;
  try {
    const here = statSync(folder);
    const there = statSync(name);
    return here.ino === there.ino && here.dev === there.dev ? name : folder;
  } catch {
    return folder;
  }
}

/** A path below the folder in which the process was started, by the name that this one had. */
export function asCalled(path: string): string {
  return path.startsWith(physicalFolder + sep)
    ? workingFolder + path.slice(physicalFolder.length)
    : path;
}

/**
 * A thread cannot start in a folder that was removed, and says nothing of it.
 * Where that has happened, the process goes to what has its name now, or to the
 * root.
 */
export function leaveRemovedFolder(): void {
  try {
    realpathSync.native(".");
  } catch {
    process.chdir(existingFolder());
  }
}

/** Where a process can be started: the folder that has the name by now, or the root. */
export function existingFolder(): string {
  try {
    if (statSync(workingFolder).isDirectory()) return workingFolder;
  } catch {
    // Removed, and nothing in its place.
  }
  return parse(workingFolder).root;
}
