import { spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { within } from "../../support/within.ts";

/** A program of somebody else's, while it runs. */
export interface Program {
  /** The next whole line of its stdout. */
  line(): Promise<string>;
  /** Its exit status and all of its output, once it has ended. */
  readonly ended: Promise<{ status: number; stdout: string; stderr: string }>;
}

/** Starts a program; it is killed with the test, if it still runs. */
export function runProgram(file: string, args: readonly string[]): Program {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  let taken = 0;
  child.stdout.setEncoding("latin1").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = within(
    `${file} to end`,
    once(child, "close").then(([status]) => ({
      status: status as number,
      stdout,
      stderr,
    })),
    60_000,
  );
  const nextLine = async (): Promise<string> => {
    for (;;) {
      const end = stdout.indexOf("\n", taken);
      if (end >= 0) {
        const line = stdout.slice(taken, end);
        taken = end + 1;
        return line;
      }
      const isOver = await Promise.race([
        once(child.stdout, "data").then(() => false),
        once(child, "close").then(() => stdout.indexOf("\n", taken) < 0),
      ]);
      if (isOver) throw new Error(`${file} ended: ${stdout}${stderr}`);
    }
  };
  return {
    line: async () => await within(`a line of ${file}`, nextLine()),
    ended,
  };
}
