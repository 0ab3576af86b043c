import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { within } from "../../support/within.ts";
import { endWithTest, gone, isAlive } from "./generations.ts";
import { openTalkers } from "./talkers.ts";
import { deployment } from "./versions.ts";

const CLI = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
const CTRL_C = "\u0003";

/** A shell on a terminal of its own, as a person sits at one. */
class Terminal {
  readonly #script: ChildProcess;
  #text = "";

  constructor() {
    const env = Object.entries(process.env).filter(
      ([name]) => !/^(?:SLUICE|npm|NODE|VITEST)_/i.test(name),
    );
    this.#script = spawn(
      "script",
      [
        "-qfec",
        "exec env PS1='shell> ' bash --norc --noprofile -i",
        "/dev/null",
      ],
      {
        stdio: ["pipe", "pipe", "inherit"],
        env: Object.fromEntries(env),
      },
    );
    this.#script.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
    onTestFinished(() => this.close());
  }

  /** Closes its window. */
  close(): void {
    this.#script.kill("SIGKILL");
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** What was shown since the last that was looked for. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const look = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const found = pattern.exec(this.#text);
        if (found !== null) {
          this.#text = this.#text.slice(found.index + found[0].length);
          return found;
        }
        await once(this.#script.stdout as NodeJS.ReadableStream, "data");
      }
    };
    return await within(`the terminal to show ${pattern}`, look(), 45_000);
  }
}

/** `sluice serve` in the foreground of a terminal; resolves with its process and port. */
async function served(
  terminal: Terminal,
): Promise<{ pid: number; port: number }> {
  const { file } = await deployment();
  const options = "--port 0 --workers 1 --no-admin --origins any --log json";
  await terminal.shows(/shell> /);
  terminal.type(
    `"${process.execPath}" "${CLI}" serve --handlers "${file}" ${options}\n`,
  );
  const [, pid, port] = await terminal.shows(
    /"pid":(\d+)[^\n]*listening on ws:\/\/[^"]*:(\d+)/,
  );
  endWithTest(Number(pid));
  return { pid: Number(pid), port: Number(port) };
}

async function upgrade(terminal: Terminal, pid: number): Promise<number> {
  process.kill(pid, "SIGUSR2");
  const [, next] = await terminal.shows(/"event":"upgraded","pid":(\d+)/);
  endWithTest(Number(next));
  await terminal.shows(/this one stays for who has started it/);
  return Number(next);
}

describe.runIf(process.platform === "linux")(
  "a server in the foreground of a terminal",
  () => {
    it("ends by Ctrl-C, also after two upgrades, and only then the shell goes on", async () => {
      const terminal = new Terminal();
      const { pid, port } = await served(terminal);
      const [talker] = await openTalkers(port, 1);
      const second = await upgrade(terminal, pid);
      const third = await upgrade(terminal, second);
      expect([pid, second, third].map(isAlive)).toEqual([true, true, true]);
      terminal.type(CTRL_C);
      await terminal.shows(/shell> /);
      expect([pid, second, third].map(isAlive)).toEqual([false, false, false]);
      expect(talker?.closeCode).toBe(1001);
      terminal.type("echo status $?\n");
      await terminal.shows(/status 0/);
    });

    it("ends when the first of its processes is asked to, whoever serves", async () => {
      const terminal = new Terminal();
      const { pid } = await served(terminal);
      const second = await upgrade(terminal, pid);
      process.kill(pid, "SIGTERM");
      await terminal.shows(/shell> /);
      expect([pid, second].map(isAlive)).toEqual([false, false]);
    });

    it("reloads on a SIGHUP that somebody sends, and ends when the terminal is closed", async () => {
      const terminal = new Terminal();
      const { pid, port } = await served(terminal);
      const [talker] = await openTalkers(port, 1);
      process.kill(pid, "SIGHUP");
      await terminal.shows(/"event":"reloaded"/);
      const second = await upgrade(terminal, pid);
      terminal.close();
      await Promise.all([gone(pid), gone(second)]);
      expect(talker?.closeCode).toBe(1001);
    });
  },
);
