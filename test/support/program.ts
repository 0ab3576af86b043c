import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { within } from "./within.ts";

/** A program in a process of its own, and what it has printed. */
export interface Program {
  readonly child: ChildProcess;
  /** The first text of stdout or stderr that matches, past or to come. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Resolves with the exit status. */
  readonly ended: Promise<number | null>;
}

/**
 * Runs a file with this Node, without the environment of npm and of the tests.
 *
 * @param args - The file, and its arguments.
 * @param env - Further variables.
 */
export function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:SLUICE|npm|NODE|VITEST)_/i.test(name),
  );
  const child = spawn(process.execPath, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  const news = new EventTarget();
  const hear = (chunk: string): void => {
    text += chunk;
    news.dispatchEvent(new Event("text"));
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  const ended = once(child, "close").then(
    ([status]) => status as number | null,
  );
  const find = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(text);
      if (found !== null) return found;
      const isOver = await Promise.race([
        once(news, "text").then(() => false),
        ended.then(() => pattern.exec(text) === null),
      ]);
      if (isOver) throw new Error(`it ended without ${pattern}: ${text}`);
    }
  };
  return {
    child,
    ended,
    printed: async (pattern) =>
      await within(`the program to print ${pattern}`, find(pattern), 30_000),
  };
}
