/** Starting and ending the processes of a benchmark, pinned to their cores. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { processTree } from "../measure/proc.ts";

const stopDeadlineMs = 5000;
/** As much of a failed process's output as is worth repeating. */
const keptOutput = 2000;

/** A child process and the end of what it wrote to stderr. */
export interface PinnedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The line of its stderr that says best what went wrong. */
  complaint(): string;
}

/**
 * Starts a command on the given cores, with pipes for its streams.
 *
 * @param cores - Where it may run.
 * @param command - The executable.
 * @param args - Its arguments.
 * @throws Error when it cannot be started.
 */
export async function startPinned(
  cores: readonly number[],
  command: string,
  args: readonly string[],
): Promise<PinnedProcess> {
  // taskset replaces itself with the command: the process id stays the same.
  const child = spawn(
    "taskset",
    ["--cpu-list", cores.join(","), command, ...args],
    { stdio: "pipe" },
  );
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-keptOutput);
  });
  // Written to after its end: the exit is what tells, not this.
  child.stdin.on("error", () => {});
  await once(child, "spawn");
  if (child.pid === undefined) throw new Error(`${command} has no process id.`);
  return { child, pid: child.pid, complaint: () => complaintIn(stderr) };
}

function complaintIn(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) =>
    /^\s*(?:\[cause\]: )?\w*Error\b/.test(line),
  );
  if (errors.length > 0) return errors.map((line) => line.trim()).join(" ");
  return lines.at(-1) ?? "it printed nothing";
}

/**
 * Ends a process and its descendants, first politely.
 *
 * @returns When the process has ended.
 */
export async function stopProcess({
  child,
  pid,
}: PinnedProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  const tree = processTree(pid);
  signal(tree, "SIGTERM");
  const timer = setTimeout(() => signal(tree, "SIGKILL"), stopDeadlineMs);
  await exited;
  clearTimeout(timer);
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended by itself: nothing is left to do.
    }
  }
}
