import { existsSync } from "node:fs";

import { endThreads } from "../protocol/threads.ts";

/** A thread that runs JavaScript, or is still being started, has ended by then, also on a busy machine. */
const THREADS_END_MS = 1_000;
const SHELL = "/bin/sh";

/**
 * Ends the process, for certain. `process.exit()` waits for every thread, and
 * so for ever when a handler is inside a native call that does not return.
 *
 * @param threadsEndMs - How long threads may take to end.
 */
export async function leave(
  status: number,
  threadsEndMs = THREADS_END_MS,
): Promise<never> {
  if (!(await endThreads(threadsEndMs))) abandonThreads(status);
  process.exit(status);
}

/** Only another program in the place of this one, or SIGKILL, ends a process whose threads do not end. */
function abandonThreads(status: number): void {
  try {
    if (existsSync(SHELL))
      process.execve?.(SHELL, ["sh", "-c", `exit ${status}`], {});
  } catch {
    // Not on this system, or not permitted: without a status of its own.
  }
  process.kill(process.pid, "SIGKILL");
}
