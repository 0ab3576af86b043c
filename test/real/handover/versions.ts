import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** What a version of the handlers does. */
export type Behaviour =
  | "echoes"
  | "throws at load"
  | "hangs at load"
  | "rejects in started"
  | "throws on a message"
  | "hangs on a message"
  | "dies on a message"
  | "trusts its clients"
  | "is killed while it takes over"
  | "is killed by the last that it takes over"
  | "has opened without resume"
  | "cannot be cloned"
  | "is nested too deeply"
  | "suspends and resumes"
  | "has a gate";

const bodies: Record<Behaviour, { top?: string; hooks: string }> = {
  echoes: { hooks: "" },
  "throws at load": { top: `throw new Error("no load");`, hooks: "" },
  "hangs at load": { top: `for (;;);`, hooks: "" },
  "rejects in started": {
    hooks: `started: () => Promise.reject(new Error("not ready")),`,
  },
  "throws on a message": {
    hooks: `before() { throw new Error("no message"); },`,
  },
  "hangs on a message": { hooks: `before() { for (;;); },` },
  "dies on a message": {
    hooks: `before() { process.exit(3); },`,
  },
  // As handlers do that were not written with harm in mind.
  "trusts its clients": {
    hooks: `authorize({ url }) { decodeURIComponent(url); },
      async before(connection, text) { if (text.startsWith("{")) JSON.parse(text); },`,
  },
  "is killed while it takes over": {
    top: `let taken = 0;`,
    hooks: `resume() { if (++taken === 8) process.kill(process.pid, "SIGKILL"); },`,
  },
  // So long after all have been sent that the process before could have left.
  "is killed by the last that it takes over": {
    top: `let taken = 0;
      function hold(ms) { for (const end = Date.now() + ms; Date.now() < end; ); }`,
    hooks: `resume() { if (++taken === 20) { hold(500); process.kill(process.pid, "SIGKILL"); } },`,
  },
  "has opened without resume": { hooks: `opened() {},` },
  "cannot be cloned": {
    hooks: `before(connection) { connection.data = () => {}; },`,
  },
  // As JSON of a client may be.
  "is nested too deeply": {
    hooks: `before(connection) {
        connection.data = JSON.parse('{"in":'.repeat(3_000) + "1" + "}".repeat(3_000));
      },`,
  },
  "suspends and resumes": {
    hooks: `
      opened(connection) { connection.data = { note: () => "opened" }; },
      suspend(connection) { return { was: connection.data.note() }; },
      resume(connection, state) {
        connection.data = { note: () => state.was + " resumed" };
      },`,
  },
  // What answers `wait` once somebody says `open` on the channel of that name.
  "has a gate": {
    top: `const gate = new BroadcastChannel("gate"); gate.unref();`,
    hooks: `before(connection, text) {
        if (text !== "wait") return;
        return new Promise((resolve) => { gate.onmessage = resolve; gate.unref(); });
      },`,
  },
};

/** A module of handlers on disk whose versions replace each other. */
export interface Deployment {
  readonly file: string;
  deploy(version: string, behaviour?: Behaviour): Promise<void>;
}

/**
 * Writes handlers that echo numbers, answer `who` with their version, process
 * and what they know of the connection, and `note` with `data.note()`; at `die`
 * their thread ends.
 */
export async function deployment(): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-versions-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "handlers.mjs");
  const deploy: Deployment["deploy"] = async (
    version,
    behaviour = "echoes",
  ) => {
    const { top = "", hooks } = bodies[behaviour];
    await writeFile(
      file,
      `import { threadId } from "node:worker_threads";
      ${top}
      const extra = { ${hooks} };
      const { before, ...rest } = extra;
      export default {
        ...rest,
        message(connection, data, isBinary) {
          const text = data.toString();
          if (text === "who") {
            const { id, data, request, subprotocol, state } = connection;
            const facts = { version: ${JSON.stringify(version)}, pid: process.pid,
              threadId, id, data, url: request.url, state,
              agent: request.headers["x-agent"], topics: [...connection.topics] };
            connection.send(JSON.stringify(facts));
            return;
          }
          if (text === "die") return void process.exit(3);
          if (text === "note") return void connection.send(connection.data.note());
          if (text.startsWith("keep ")) {
            connection.data = { kept: text.slice(5) };
            connection.subscribe("news");
            connection.send("kept it");
            return;
          }
          if (text.startsWith("tell ")) {
            connection.publish("news", text.slice(5));
            return;
          }
          const work = before?.(connection, text);
          connection.send(data, isBinary);
          return work;
        },
      };\n`,
    );
  };
  await deploy("v1");
  return { file, deploy };
}
