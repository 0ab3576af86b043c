import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ShutdownReport } from "../../src/index.ts";
import { SERVICE } from "./server.ts";
import { within } from "./within.ts";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** How the command ended. */
export interface CommandEnd {
  status: number | null;
  stdout: string;
  stderr: string;
  /** The last line of stdout, when it is a report. */
  report: ShutdownReport;
}

/** `sluice serve` in a process of its own. */
export interface Command {
  readonly child: ChildProcess;
  readonly port: number;
  /** Resolves when the process is gone. */
  readonly ended: Promise<CommandEnd>;
  kill(signal: NodeJS.Signals): void;
  /** The first line of the log that matches, past or to come. */
  logged(pattern: RegExp, patienceMs?: number): Promise<RegExpExecArray>;
}

/**
 * Runs `node src/cli.ts serve` on a free port with `--report json`, and waits
 * until it listens.
 *
 * @param args - Further arguments; the handlers are the tests' service unless a
 *   `--handlers` is among them.
 * @param cwd - Where a shell has gone before, by that name.
 * @param descriptors - The process may have no more than so many.
 */
export async function serveCommand(
  args: readonly string[] = [],
  nodeOptions: readonly string[] = [],
  cwd?: string,
  descriptors?: number,
): Promise<Command> {
  const handlers = args.includes("--handlers") ? [] : ["--handlers", SERVICE];
  // Without the options and the npm of the process that tests it.
  const env = Object.entries(process.env).filter(
    ([name]) =>
      !/^(?:(?:SLUICE|npm|VITEST)_|NODE_(?!SLUICE_TRANSPORT))/i.test(name),
  );
  const [program = process.execPath, ...before] =
    descriptors === undefined
      ? []
      : [
          ...["/bin/sh", "-c", `ulimit -n ${descriptors} && exec "$0" "$@"`],
          process.execPath,
        ];
  const child = spawn(
    program,
    [
      ...before,
      ...nodeOptions,
      CLI,
      "serve",
      ...["--port", "0", "--report", "json", "--log", "json"],
      ...handlers,
      ...args,
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...Object.fromEntries(env),
        ...(cwd !== undefined && { PWD: cwd }),
      },
      ...(cwd !== undefined && { cwd }),
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = once(child, "close").then(([status]): CommandEnd => ({
    status: status as number | null,
    stdout,
    stderr,
    get report() {
      return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    },
  }));
  const find = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(stderr);
      if (found !== null) return found;
      const isOver = await Promise.race([
        once(child.stderr, "data").then(() => false),
        ended.then(() => pattern.exec(stderr) === null),
      ]);
      if (isOver)
        throw new Error(`the command ended without ${pattern}: ${stderr}`);
    }
  };
  const logged: Command["logged"] = async (pattern, patienceMs) =>
    await within(`the log to say ${pattern}`, find(pattern), patienceMs);
  const [, port] = await logged(/listening on wss?:\/\/[^"]*:(\d+)/, 30_000);
  return {
    child,
    port: Number(port),
    ended,
    kill: (signal) => void child.kill(signal),
    logged,
  };
}
