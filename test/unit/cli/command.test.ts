import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";

const CLI = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** The real command in a process of its own, without the options and the npm of the one that tests it. */
function start(
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Child {
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(?:SLUICE|npm|NODE)_/i.test(name),
  );
  const child = spawn(process.execPath, [...nodeOptions, CLI, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: Object.fromEntries(env),
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

async function run(
  args: readonly string[],
  nodeOptions: readonly string[] = [],
) {
  const child = start(args, nodeOptions);
  const [out, err, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { out, err, status: Number(status) };
}

/** A serving command: its log as it comes, and what it leaves behind. */
async function serving(...args: readonly string[]) {
  const child = start(["serve", "--port", "0", "--workers", "1", ...args]);
  let out = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => (out += chunk));
  const ended = once(child, "close").then(([status]) => ({
    out,
    status: Number(status),
  }));
  // Whoever waits for a line of a process that is no more, waits no longer.
  const gone = new AbortController();
  child.once("close", () => gone.abort());
  let log = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (chunk: string) => (log += chunk));
  const logged = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(log);
      if (found !== null) return found;
      await once(child.stderr, "data", { signal: gone.signal });
    }
  };
  const [, url = ""] = await logged(/listening on (ws:[^"]+)/);
  return { child, ended, logged, url };
}

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url}/echo`);
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

describe("the command", { timeout: 30_000 }, () => {
  it("tells its clients, reports as its last line, and ends with 0", async () => {
    const { child, ended, url } = await serving("--report", "json");
    const socket = await connect(url);
    const closed = once(socket, "close");
    child.kill("SIGTERM");
    const [code, reason] = await closed;
    expect(code).toBe(1001);
    expect(String(reason)).toContain("retry-after-ms=");
    const { out, status } = await ended;
    expect(JSON.parse(out.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      opened: 1,
      outcomes: { clean: 1, unacknowledged: 0, forced: 0, lost: 0, crashed: 0 },
      closeCodes: { 1001: 1 },
      durationMs: expect.any(Number),
    });
    expect(status).toBe(0);
  });

  it("forces on a second signal, long before the deadline", async () => {
    const { child, ended, logged, url } = await serving(
      "--shutdown-deadline",
      "10m",
      "--report",
      "json",
    );
    const socket = await connect(url);
    // It reads nothing any more, and so never answers the close frame.
    socket.pause();
    child.kill("SIGTERM");
    await logged(/SIGTERM: shutting down/);
    child.kill("SIGINT");
    const { out, status } = await ended;
    expect(JSON.parse(out)).toMatchObject({ opened: 1, balanced: true });
    expect(status).toBe(0);
  });

  it("does not die of a reader that went away, nor of SIGHUP", async () => {
    const { child, ended, logged, url } = await serving("--report", "text");
    child.stdout.destroy();
    child.kill("SIGHUP");
    await logged(/every shard runs the new version/);
    const socket = await connect(url);
    child.kill("SIGTERM");
    await once(socket, "close");
    expect((await ended).status).toBe(0);
  });

  it("says in one sentence that the port is in use, and ends with 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { err, status } = await run(["serve", "--port", String(port)]);
    expect(err).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(err).not.toContain("node:net");
    expect(status).toBe(1);
  });

  it("ends with 1 when the handlers cannot be loaded, and says why", async () => {
    const { err, status } = await run([
      "serve",
      "data:text/javascript,throw new Error('no database')",
      "--port",
      "0",
    ]);
    expect(err).toContain("no database");
    expect(status).toBe(1);
  });

  it("refuses an old Node in one sentence, before it loads anything", async () => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });`;
    const { out, err, status } = await run(
      ["serve"],
      ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`],
    );
    expect(err).toBe(
      'sluice needs Node 24.20 or a later 24, or Node 26.6 or later, because it moves sockets between threads; this is Node 20.20.2. In a project, "npm install --save-dev node@26" brings one that npx and the scripts of npm use.\n',
    );
    expect(out).toBe("");
    expect(status).toBe(2);
  });
});
