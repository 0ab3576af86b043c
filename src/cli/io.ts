import type { EventEmitter } from "node:events";

import { written } from "../protocol/written.ts";

/** One of the two output streams of a process. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Bytes that have not left the process yet. */
  readonly writableLength: number;
}

/** What the command line needs of a process; `process` itself is one. */
export interface Io extends Pick<EventEmitter, "on"> {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/**
 * Keeps a reader that went away (`sluice serve | head`) from being an uncaught
 * error: a server does not stop because nobody reads its output any more.
 */
export function tolerateClosedOutput({ stdout, stderr }: Io): void {
  stdout.on("error", ignore);
  stderr.on("error", ignore);
}

/** Writes one line and waits until it has left the process, or cannot. */
export async function writeLine(
  stream: OutputStream,
  line: string,
): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write(`${line}\n`, () => resolve());
  });
}

/** What was written may take so long to leave, where there is no deadline. */
const FLUSH_MS = 1_000;

/**
 * Waits until all that was written has left the process, or cannot, or the time
 * is up.
 *
 * @returns false when the time is up: the reader has stopped
 */
export async function flush(
  { stdout, stderr }: Pick<Io, "stdout" | "stderr">,
  patienceMs = FLUSH_MS,
): Promise<boolean> {
  return await written([stdout, stderr], patienceMs);
}

function ignore(): void {}
