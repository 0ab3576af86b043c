/** Starts the rivals' servers, which all speak the protocol of servers/control. */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startPinned, stopProcess } from "./process.ts";
import type { RunningSubject, SubjectOptions } from "./subject.ts";

const startDeadlineMs = 15_000;

/** A rival, which can be told what only its own kind understands. */
export interface RunningRival extends RunningSubject {
  /**
   * Writes a line to its stdin, and waits for one that begins with a word.
   *
   * @throws Error when it ends or is silent for 15 s.
   */
  tell(line: string, answer: string): Promise<void>;
}

/**
 * Starts one of the files in `servers/` and waits until it listens.
 *
 * @param command - The runtime and its flags.
 * @param file - The server's file name.
 * @param options - Handed to it as JSON.
 * @throws Error with its stderr when it ends or is silent for 15 s.
 */
export async function startRival(
  command: readonly [string, ...string[]],
  file: string,
  options: SubjectOptions,
): Promise<RunningRival> {
  const [executable, ...flags] = command;
  const script = fileURLToPath(new URL(`servers/${file}`, import.meta.url));
  const server = await startPinned(options.cores, executable, [
    ...flags,
    script,
    JSON.stringify(options),
  ]);
  const waiting = new Map<string, (line: string) => void>();
  const { stdout, stdin } = server.child;
  if (stdout === null || stdin === null) throw new Error("It has no pipes.");
  createInterface({ input: stdout }).on("line", (line) => {
    const word = line.split(" ")[0] ?? "";
    waiting.get(word)?.(line);
    waiting.delete(word);
  });
  const lineOf = async (word: string): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    waiting.set(word, resolve);
    const fail = (): void => {
      reject(new Error(`${file} did not say "${word}": ${server.complaint()}`));
    };
    const timer = setTimeout(fail, startDeadlineMs);
    server.child.once("exit", fail);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      server.child.off("exit", fail);
    }
  };
  const tell = async (line: string, answer: string): Promise<void> => {
    const answered = lineOf(answer);
    stdin.write(`${line}\n`);
    await answered;
  };
  try {
    const line = await lineOf("listening");
    return {
      pid: server.pid,
      port: Number(line.split(" ")[1]),
      collect: async () => tell("collect", "collected"),
      tell,
      stop: async () => stopProcess(server),
    };
  } catch (error) {
    await stopProcess(server);
    throw error;
  }
}
