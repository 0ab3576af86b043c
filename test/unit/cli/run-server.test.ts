import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { runServe } from "../../../src/cli/run-server.ts";
import type { TalkSettings } from "../../../src/cli/settings.ts";
import { resolveConfig } from "../../../src/config.ts";
import { noTerminal } from "../../../src/cli/terminal.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import type { ServerOptions } from "../../../src/config.ts";
import { SluiceError } from "../../../src/errors.ts";
import { channels } from "../../../src/protocol/channels.ts";
import { FakeIo } from "./fake-io.ts";
import { FakeServer, FakeSuccessor, reportOf } from "./fake-server.ts";

const TLS: ServerOptions = {
  tlsKeyFile: "/key.pem",
  tlsCertFile: "/cert.pem",
};
const QUIET: TalkSettings = { report: "none", log: "json", logLevel: "info" };

/** A command that serves with a fake server, and how far it has come. */
async function serving({
  talk = {},
  options = {},
  isTTY = false,
  server = new FakeServer(),
  terminal = noTerminal,
}: {
  readonly talk?: Partial<TalkSettings>;
  readonly options?: ServerOptions;
  readonly isTTY?: boolean;
  readonly server?: FakeServer;
  readonly terminal?: Terminal;
} = {}) {
  const io = new FakeIo({ isTTY });
  const settings = {
    config: resolveConfig(options),
    talk: { ...QUIET, ...talk },
    warnings: [],
  };
  const serve = async (): Promise<FakeServer> => server;
  const status = runServe(settings, io, serve, terminal);
  await setImmediate();
  return { io, server, status };
}

/** The messages of a JSON log. */
function messages(io: FakeIo): readonly unknown[] {
  return io.stderr.lines.map((line) => {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null && "msg" in entry
      ? entry.msg
      : undefined;
  });
}

/** The exit status of a command whose server cannot start. */
async function failing(error: Error) {
  const io = new FakeIo();
  const settings = {
    config: resolveConfig({ port: 80 }),
    talk: QUIET,
    warnings: [],
  };
  const status = await runServe(settings, io, async () => {
    throw error;
  });
  return { status, io };
}

function listenError(code: string): SluiceError {
  return new SluiceError("ERR_SLUICE_LISTEN", "cannot listen", {
    cause: Object.assign(new Error(code), { code }),
  });
}

describe("sluice serve", () => {
  it("says where it listens, with the scheme that clients need", async () => {
    const plain = await serving();
    expect(messages(plain.io)).toEqual([
      "listening on ws://127.0.0.1:9000",
      "no handlers given: ws://127.0.0.1:9000/echo echoes, ws://127.0.0.1:9000/chat/lobby is a chat",
    ]);
    plain.server.end(reportOf());
    await plain.status;

    const tls = await serving({ options: { ...TLS, handlers: "mine.ts" } });
    expect(messages(tls.io)).toEqual(["listening on wss://127.0.0.1:9000"]);
    tls.server.end(reportOf());
    await tls.status;
  });

  it("shuts down on the first signal, forces on the second, ends with 0", async () => {
    const { io, server, status } = await serving({
      options: { handlers: "mine.ts" },
    });
    io.emit("SIGTERM", "SIGTERM");
    io.emit("SIGTERM", "SIGTERM");
    expect(server.told).toEqual(["shutdown: SIGTERM", "force"]);
    server.end(reportOf());
    expect(await status).toBe(0);
    expect(messages(io)).toEqual([
      "listening on ws://127.0.0.1:9000",
      "SIGTERM: shutting down",
      "SIGTERM again: forcing what is left",
      "shut down in 1.24 s: 4000 connections, 1 rejected, 3500 clean, 480 unacknowledged, 20 forced",
    ]);
  });

  it("prints the report as one JSON object, the last line of stdout", async () => {
    const { io, server, status } = await serving({ talk: { report: "json" } });
    server.end(reportOf());
    await status;
    expect(JSON.parse(io.stdout.lines.at(-1) ?? "")).toEqual(
      JSON.parse(JSON.stringify(reportOf())),
    );
    expect(io.stdout.text.endsWith("\n")).toBe(true);
  });

  it("ends when the report has left the process", async () => {
    const { io, server, status } = await serving({ talk: { report: "json" } });
    let hasEnded = false;
    void status.then(() => (hasEnded = true));
    io.stdout.stopReading();
    server.end(reportOf());
    await setImmediate();
    expect(hasEnded).toBe(false);
    io.stdout.readOn();
    expect(await status).toBe(0);
    expect(io.stdout.lines).toHaveLength(1);
  });

  it("waits for a reader that has stopped no longer than the deadline and its grace, and calls that a failure", async () => {
    const { io, server, status } = await serving({ talk: { report: "json" } });
    io.stdout.stopReading();
    server.end(reportOf({ durationMs: 8_950, deadlineMs: 8_000 }));
    expect(await status).toBe(1);
    expect(messages(io)).toContain(
      "not all that was printed could be written: nobody read on",
    );
  });

  it("prints the report for people", async () => {
    const { io, server, status } = await serving({ talk: { report: "text" } });
    server.end(reportOf());
    await status;
    expect(io.stdout.text).toMatch(/^Shutdown \(SIGTERM\) took 1\.24 s/);
  });

  it("logs the report when it prints none", async () => {
    const { io, server, status } = await serving();
    server.end(reportOf());
    await status;
    expect(io.stdout.text).toBe("");
    expect(JSON.parse(io.stderr.lines.at(-1) ?? "")).toMatchObject({
      report: { opened: 5000, outcomes: { clean: 4500 } },
    });
  });

  it.each([
    [
      { shutdown: { ...reportOf().shutdown, shardsKilled: 1 } },
      "1 thread had to be ended by force",
    ],
    [
      { shutdown: { ...reportOf().shutdown, shardsCrashed: 1 } },
      "1 thread crashed",
    ],
    [{ balanced: false }, "the ledger does not add up"],
    [
      { deadlineHeld: false, durationMs: 9000 },
      "it took 9.00 s, past the deadline of 8.00 s",
    ],
  ])("ends with 1 and says why after %j", async (given, problem) => {
    const { io, server, status } = await serving();
    server.end(reportOf(given));
    expect(await status).toBe(1);
    expect(messages(io)).toContain(problem);
  });

  it("shows progress from closing to the end, whoever started it", async () => {
    const { io, server, status } = await serving();
    server.enter("closing");
    server.enter("draining");
    server.end(reportOf());
    await status;
    expect(messages(io)).toContain(
      "0 of 3120 done, 120 closing, 3000 draining, 5.2 s left",
    );
  });

  it("shows a bar on a terminal and keeps log lines clear of it", async () => {
    const { io, server, status } = await serving({
      isTTY: true,
      talk: { log: "pretty" },
    });
    server.enter("closing");
    server.enter("draining");
    server.end(reportOf());
    await status;
    expect(io.stderr.text).toContain("-------------------- 0 of 3120 done");
    const logged = io.stderr.text.split("\u001B[2K").at(-1);
    expect(logged).toMatch(/^\[[^\n]*INFO[^\n]*draining: waiting/);
  });

  it("serves on when the shutdown is called off, and obeys the next signal", async () => {
    const { io, server, status } = await serving();
    server.shutdownFailure = new SluiceError(
      "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
      "called off",
    );
    io.emit("SIGINT", "SIGINT");
    await setImmediate();
    server.shutdownFailure = undefined;
    io.emit("SIGINT", "SIGINT");
    expect(server.told).toEqual(["shutdown: SIGINT", "shutdown: SIGINT"]);
    server.end(reportOf());
    expect(await status).toBe(0);
  });

  it("survives a SIGHUP that cannot be obeyed", async () => {
    const { io, server, status } = await serving({ options: TLS });
    server.reloadFailure = new SluiceError("ERR_SLUICE_TLS", "no TLS here");
    io.emit("SIGHUP", "SIGHUP");
    await setImmediate();
    expect(server.told).toEqual(["reloadTls", "reload"]);
    expect(messages(io)).toContain("SIGHUP: no TLS files were reloaded");
    server.end(reportOf());
    expect(await status).toBe(0);
  });

  it("reloads the handlers alone where TLS is off, and upgrades on SIGUSR2", async () => {
    const { io, server, status } = await serving();
    io.emit("SIGHUP", "SIGHUP");
    io.emit("SIGUSR2", "SIGUSR2");
    expect(server.told).toEqual(["reload", "upgrade"]);
    server.end(reportOf());
    expect(await status).toBe(0);
  });

  it("ends the start with 0 on a signal before the server is ready", async () => {
    const io = new FakeIo();
    const settings = { config: resolveConfig(), talk: QUIET, warnings: [] };
    const status = runServe(settings, io, async (_config, { signal }) => {
      await once(signal as AbortSignal, "abort");
      throw signal?.reason;
    });
    io.emit("SIGTERM", "SIGTERM");
    expect(await status).toBe(0);
    expect(messages(io)).toEqual(["SIGTERM before the server was ready"]);
  });

  it("does not wait for a start that hangs on a second signal", async () => {
    const io = new FakeIo();
    const settings = { config: resolveConfig(), talk: QUIET, warnings: [] };
    const never = Promise.withResolvers<FakeServer>();
    const status = runServe(settings, io, () => never.promise);
    io.emit("SIGTERM", "SIGTERM");
    io.emit("SIGINT", "SIGINT");
    expect(await status).toBe(0);
    expect(messages(io)).toEqual(["SIGINT before the server was ready"]);
  });

  it("stays for whoever waits for it while another process serves, and ends as that does", async () => {
    const { io, server, status } = await serving({
      terminal: { isWaitedFor: true, hasHungUp: () => false },
    });
    const successor = new FakeSuccessor();
    server.successor = successor;
    server.end(reportOf());
    await setImmediate();
    io.emit("SIGHUP", "SIGHUP");
    io.emit("SIGUSR2", "SIGUSR2");
    io.emit("SIGTERM", "SIGTERM");
    io.emit("SIGTERM", "SIGTERM");
    // The library passes on what it is asked.
    expect(server.told).toEqual(["shutdown: SIGTERM", "force"]);
    expect(successor.signals).toEqual(["SIGHUP", "SIGUSR2"]);
    successor.end(1);
    expect(await status).toBe(1);
  });

  it("leaves another process alone where nobody waits for this one", async () => {
    const { server, status } = await serving();
    server.successor = new FakeSuccessor();
    server.end(reportOf());
    expect(await status).toBe(0);
  });

  it.each([
    ["EADDRINUSE", /^port 80 on 127\.0\.0\.1 is in use: /],
    ["EACCES", /^port 80 on 127\.0\.0\.1 may not be opened by this user: /],
    ["EADDRNOTAVAIL", /^127\.0\.0\.1 is no address of this machine: /],
    ["ENOTFOUND", /^the host name 127\.0\.0\.1 does not resolve: /],
    ["EMFILE", /^cannot listen$/],
  ])("has one sentence for %s, and ends with 1", async (code, sentence) => {
    const { status, io } = await failing(listenError(code));
    expect(status).toBe(1);
    expect(messages(io)).toEqual([expect.stringMatching(sentence)]);
  });

  it("logs why the handlers could not be loaded, with the stack of the cause", async () => {
    const { status, io } = await failing(
      new SluiceError("ERR_SLUICE_HANDLERS", "handlers.ts cannot be loaded", {
        cause: new TypeError("x is not a function"),
      }),
    );
    expect(status).toBe(1);
    expect(JSON.parse(io.stderr.lines[0] ?? "")).toMatchObject({
      msg: "handlers.ts cannot be loaded",
      code: "ERR_SLUICE_HANDLERS",
      err: { stack: expect.stringContaining("TypeError: x is not") },
    });
  });

  it("tells of a failed start once, and not shard by shard", async () => {
    const io = new FakeIo();
    const settings = { config: resolveConfig(), talk: QUIET, warnings: [] };
    await runServe(settings, io, async () => {
      const shard = channel(channels.shard);
      shard.publish({ event: "died", shard: 0, error: new Error("no") });
      shard.publish({ event: "killed", shard: 1 });
      channel(channels.server).publish({ event: "state", state: "draining" });
      throw new SluiceError("ERR_SLUICE_SHARD_START", "no shard starts");
    });
    expect(messages(io)).toEqual(["no shard starts"]);
  });

  it("ends with 2 when the server refuses an option", async () => {
    const { status } = await failing(
      new SluiceError("ERR_SLUICE_OPTION", "port: no"),
    );
    expect(status).toBe(2);
  });

  it("ends with 1 when the server fails while it serves", async () => {
    const { io, server, status } = await serving();
    server.fail(new Error("every shard keeps dying"));
    expect(await status).toBe(1);
    expect(JSON.parse(io.stderr.lines.at(-1) ?? "")).toMatchObject({
      msg: "the server failed",
      err: { message: "every shard keeps dying" },
    });
  });

  it("passes warnings about its options on", async () => {
    const io = new FakeIo();
    const server = new FakeServer();
    server.end(reportOf());
    const config = resolveConfig();
    const settings = { config, talk: QUIET, warnings: ["SLUICE_X: what?"] };
    await runServe(settings, io, async () => server);
    expect(messages(io)).toContain("SLUICE_X: what?");
  });
});
