import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { channels } from "../../../src/index.ts";
import { endThreads } from "../../../src/protocol/threads.ts";
import { serveCommand } from "../../support/command.ts";
import { overhear } from "../../support/diagnostics.ts";
import { makeNamedPipe } from "../../support/named-pipe.ts";
import { runProgram } from "../../support/program.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

const CLI = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
/** A process that waits for a native call ends with it, and these last until the test lets them go. */
const ENDS_MS = 10_000;

async function hold(port: number, file: string): Promise<RawClient> {
  const query = new URLSearchParams({ file });
  const client = await RawClient.open(port, `/native?${query.toString()}`);
  client.send("now");
  return client;
}

async function holdShard(server: TestServer, file: string): Promise<RawClient> {
  const client = await hold(server.port, file);
  await until("it is held", () => server.stats().shards[0]?.isBlocked);
  return client;
}

describe("a handler inside a native call", () => {
  it("cannot hold the process beyond the deadline, and the report says so", async () => {
    const { path } = makeNamedPipe();
    const command = await serveCommand([
      ...["--workers", "2", "--balance", "round-robin"],
      ...["--shutdown-deadline", "1s", "--blocked-after", "300ms"],
    ]);
    const held = await hold(command.port, path);
    const bystander = await RawClient.open(command.port);
    await command.logged(/"event":"blocked"/);
    command.kill("SIGTERM");
    expect(await bystander.closed()).toMatchObject({ code: 1001 });
    const { status, report, stderr } = await within(
      "the end of the process",
      command.ended,
      ENDS_MS,
    );
    await within("the end of TCP", held.ended);
    expect(report).toMatchObject({
      outcomes: { clean: 1, crashed: 1 },
      shardsKilled: 1,
      shardsStuck: 1,
      balanced: true,
      deadlineHeld: false,
    });
    expect(report.durationMs).toBeLessThan(report.deadlineMs + 1_000);
    expect(stderr).toContain("1 thread could not be ended");
    expect(status).toBe(1);
  });

  it("does not withstand a second signal", async () => {
    const { path } = makeNamedPipe();
    const command = await serveCommand([
      ...["--workers", "1", "--shutdown-deadline", "10m"],
    ]);
    await hold(command.port, path);
    await command.logged(/"event":"blocked"/);
    command.kill("SIGTERM");
    await command.logged(/SIGTERM: shutting down/);
    command.kill("SIGTERM");
    const { status, report } = await within(
      "the end of the process",
      command.ended,
      ENDS_MS,
    );
    expect(report).toMatchObject({
      outcomes: { crashed: 1 },
      shardsStuck: 1,
      balanced: true,
    });
    expect(status).toBe(1);
  });

  it("does not keep a process that has not served yet", async () => {
    const { path } = makeNamedPipe();
    const source = `
      import { openSync } from "node:fs";
      process.stderr.write("held from here on\\n");
      setImmediate(() => openSync(${JSON.stringify(path)}));
      await new Promise(() => {});`;
    const program = runProgram([
      ...[CLI, "serve", `data:text/javascript,${encodeURIComponent(source)}`],
      ...["--port", "0", "--no-admin", "--workers", "1"],
    ]);
    await program.printed(/held from here on/);
    program.child.kill("SIGTERM");
    expect(await within("the end of the process", program.ended, ENDS_MS)).toBe(
      0,
    );
  });

  it("is given up by a server inside a program, which tells its threads from those that are gone", async () => {
    const { path, release } = makeNamedPipe();
    const events = overhear(channels.shard);
    const server = await startServer({ blockedAfterMs: 300 });
    await holdShard(server, path);
    const report = await within(
      "the report",
      server.shutdown({ deadlineMs: 200 }),
    );
    expect(report).toMatchObject({
      outcomes: { crashed: 1 },
      shardsKilled: 1,
      shardsStuck: 1,
      balanced: true,
      deadlineHeld: false,
    });
    await events.said({ event: "stuck", shard: 0 });
    expect(server.stats().ledger).toMatchObject({ live: 0, upgrading: 0 });
    expect(await endThreads(0)).toBe(false);
    release();
    await until("its thread is gone", () => endThreads(0));
    // What comes late is not booked a second time.
    expect(server.stats().ledger.outcomes).toMatchObject({ crashed: 1 });
    expect(events.messages.filter(({ event }) => event === "died")).toEqual([]);
  });

  it("keeps neither the restart of its shard nor a reload waiting", async () => {
    const first = makeNamedPipe();
    const second = makeNamedPipe();
    const server = await startServer({
      blockedAfterMs: 300,
      trialMs: 100,
      shutdownDeadlineMs: 500,
      handshakeDeadlineMs: 200,
    });
    await holdShard(server, first.path);
    await within("the restart", server.restartShard(0));
    const restarted = await RawClient.open(server.port);
    restarted.send("served");
    expect(await restarted.message()).toBe("served");
    await holdShard(server, second.path);
    const { moved } = await within("the reload", server.reload());
    expect(moved).toBe(0);
    const reloaded = await RawClient.open(server.port);
    reloaded.send("served");
    expect(await reloaded.message()).toBe("served");
    // Whether they are still there or not, they are booked.
    first.release();
    const report = await server.shutdown({ deadlineMs: 200 });
    expect(report).toMatchObject({
      // The one that was served between the two was on the second's shard.
      outcomes: { crashed: 3 },
      balanced: true,
      shardsKilled: 2,
    });
  });
});
