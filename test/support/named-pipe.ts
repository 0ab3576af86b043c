import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A file that nobody writes to: whoever opens it to read is held in that call. */
export interface NamedPipe {
  readonly path: string;
  /** Lets those go who are held. */
  readonly release: () => void;
}

/** Makes a named pipe; it is released and removed with the test. */
export function makeNamedPipe(): NamedPipe {
  const folder = mkdtempSync(join(tmpdir(), "sluice-pipe-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const release = (): void => {
    // Opened for both, it does not wait for a reader.
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  };
  onTestFinished(() => {
    release();
    rmSync(folder, { recursive: true });
  });
  return { path, release };
}
