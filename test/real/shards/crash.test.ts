import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { channels, serve } from "../../../src/index.ts";
import { serveCommand } from "../../support/command.ts";
import { live, openMany } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import { RawClient } from "../../support/raw-client.ts";
import { type TestServer, startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

async function echo(client: RawClient, text: string): Promise<string> {
  client.send(text);
  return await client.message();
}

/** Opens connections until there is one on the shard; closes the others. */
async function openOn(
  server: TestServer,
  shard: number,
  path: string,
): Promise<RawClient> {
  for (;;) {
    const before = server.stats().shards[shard]?.connections ?? 0;
    const client = await RawClient.open(server.port, path);
    const after = server.stats().shards[shard]?.connections ?? 0;
    if (after > before) return client;
    client.sendClose();
    await within("the end of TCP", client.ended);
  }
}

describe("a shard that dies", () => {
  it.each([
    ["of an error that nobody catches", "/crash", {}],
    ["because its memory is used up", "/oom", { workerHeapMb: 64 }],
    ["because a handler ends the process", "/exit", {}],
  ])(
    "%s takes only its own connections with it, and is replaced",
    async (_, path, options) => {
      const events = overhear(channels.shard);
      const server = await startServer({
        workers: 2,
        balance: "round-robin",
        ...options,
      });
      const clients = await openMany(server.port, 2_000);
      // Round-robin: every other one is on shard 1.
      const [killer] = await Promise.all([
        openOn(server, 0, path),
        until("all are open", () => server.stats().connections >= 2_000),
      ]);
      const { connections: doomed = 0 } = server.stats().shards[0] ?? {};
      const { connections: spared = 0 } = server.stats().shards[1] ?? {};
      expect(doomed).toBeGreaterThanOrEqual(1_000);
      expect(spared).toBe(1_000);
      const ends = clients.map((client) => client.ended);
      let gone = 0;
      for (const end of ends) void end.then(() => gone++);
      killer.send("1");
      await events.said({ event: "died", shard: 0 }, 30_000);
      await within("its end", killer.ended);
      await until("its connections have gone", () => gone === doomed - 1);
      const survivors = clients.filter(({ socket }) => !socket.destroyed);
      expect(survivors).toHaveLength(spared);
      expect(server.stats().ledger).toMatchObject({
        live: spared,
        outcomes: { crashed: doomed, lost: 0 },
      });
      // None of those on the other shard saw anything.
      const answers = await Promise.all(
        survivors.map((client) => echo(client, "still here")),
      );
      expect(answers.every((answer) => answer === "still here")).toBe(true);
      await events.said({ event: "restarting", shard: 0 });
      await until(
        "it serves again",
        () => server.stats().shards[0]?.state === "serving.accepting",
      );
      const next = await openOn(server, 0, "/echo");
      expect(await echo(next, "replaced")).toBe("replaced");
      const leaves = [...survivors, next].map((client) => live(client));
      const report = await server.shutdown();
      expect((await Promise.all(leaves)).every(Boolean)).toBe(true);
      expect(report).toMatchObject({
        outcomes: { crashed: doomed, lost: 0, forced: 0 },
        shardsCrashed: 1,
        shardsKilled: 0,
        balanced: true,
      });
    },
  );

  it("gives back what it had of each address", async () => {
    const server = await startServer({ maxConnectionsPerAddress: 1 });
    const client = await RawClient.open(server.port, "/crash");
    client.send("now");
    await within("its end", client.ended);
    const next = await until("there is room", async () => {
      const other = await RawClient.connect(server.port).catch(() => undefined);
      const response = await other?.upgrade().catch(() => undefined);
      return response?.status === 101 && other;
    });
    expect(await echo(next, "room")).toBe("room");
  });

  it("is refused for as long as there is no other, and never answered with silence", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port, "/crash");
    client.send("now");
    const attempts: Promise<string>[] = [];
    for (let i = 0; i < 200; i++)
      attempts.push(
        RawClient.connect(server.port).then(
          (other) =>
            other.upgrade().then(
              ({ status }) => String(status),
              () => "ended",
            ),
          () => "refused",
        ),
      );
    const results = new Set(await Promise.all(attempts));
    for (const result of results)
      expect(["101", "ended", "refused"]).toContain(result);
    await until(
      "it serves again",
      () => server.stats().shards[0]?.state === "serving.accepting",
    );
    const report = await server.shutdown({ deadlineMs: 500 });
    expect(report.balanced).toBe(true);
  });

  it("is waited for by whoever restarts it, also while it waits to be replaced", async () => {
    const events = overhear(channels.shard);
    const server = await startServer({ workers: 2 });
    const client = await openOn(server, 1, "/crash");
    client.send("now");
    await events.said({ event: "restarting", shard: 1 });
    await within("the restart", server.restartShard(1));
    expect(server.stats().shards[1]?.state).toBe("serving.accepting");
    const again = await openOn(server, 1, "/echo");
    expect(await echo(again, "up")).toBe("up");
    expect(await server.shutdown({ deadlineMs: 300 })).toMatchObject({
      balanced: true,
      shardsKilled: 0,
    });
  });
});

describe("a shard that cannot start", () => {
  it("makes serve reject with the cause, and leaves nothing behind", async () => {
    const before = process.getActiveResourcesInfo().length;
    await expect(
      serve({
        port: 0,
        workers: 2,
        handlers: "data:text/javascript,throw new Error('no database')",
      }),
    ).rejects.toMatchObject({
      name: "SluiceError",
      code: "ERR_SLUICE_HANDLERS",
      message: expect.stringContaining("no database"),
      cause: expect.objectContaining({
        stack: expect.stringContaining("data:text/javascript"),
      }),
    });
    await until(
      "nothing is left",
      () => process.getActiveResourcesInfo().length <= before,
    );
  });

  it("is ended when it does not become ready in time", async () => {
    const before = process.getActiveResourcesInfo().length;
    await expect(
      serve({
        port: 0,
        workers: 1,
        startDeadlineMs: 1_000,
        handlers:
          "data:text/javascript,await new Promise(() => setInterval(() => {}, 1000)); export default { message() {} }",
      }),
    ).rejects.toMatchObject({ code: "ERR_SLUICE_SHARD_START" });
    await until(
      "nothing is left",
      () => process.getActiveResourcesInfo().length <= before,
    );
  });

  it("rejects when the port is taken, and leaves nothing behind", async () => {
    const server = await startServer();
    const before = process.getActiveResourcesInfo().length;
    await expect(
      serve({ port: server.port, workers: 1 }),
    ).rejects.toMatchObject({ code: "ERR_SLUICE_LISTEN" });
    await until(
      "nothing is left",
      () => process.getActiveResourcesInfo().length <= before,
    );
  });

  it("ends the server with the cause when it dies at its start again and again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-crash-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    // Loads the first time, and never again.
    const source = `
      import { existsSync, writeFileSync } from "node:fs";
      const mark = ${JSON.stringify(join(folder, "has-started"))};
      if (existsSync(mark)) throw new Error("it only works once");
      writeFileSync(mark, "");
      export default { message() { setTimeout(() => { throw new Error("dead"); }); } };`;
    const server = await startServer({
      handlers: `data:text/javascript,${encodeURIComponent(source)}`,
    });
    const client = await RawClient.open(server.port);
    client.send("now");
    await expect(
      within("the end", server.terminated, 30_000),
    ).rejects.toMatchObject({
      code: "ERR_SLUICE_HANDLERS",
      message: expect.stringContaining("it only works once"),
    });
    expect(server.state).toBe("terminated");
  });
});

describe("a shard that cannot be started again for a while", () => {
  it("does not end the server while another serves, and serves again when it can", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-crash-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const mark = join(folder, "database-is-away");
    const source = `
      import { existsSync } from "node:fs";
      if (existsSync(${JSON.stringify(mark)})) throw new Error("no database");
      export default {
        message(connection, data) {
          if (String(data) === "die") setTimeout(() => { throw new Error("dead"); });
          else connection.send(data);
        },
        resume() {},
      };`;
    const events = overhear(channels.shard);
    const server = await startServer({
      workers: 2,
      minReadyShards: 2,
      handlers: `data:text/javascript,${encodeURIComponent(source)}`,
    });
    const killer = await openOn(server, 1, "/");
    const bystander = await openOn(server, 0, "/");
    expect(server.ready).toBe(true);
    await writeFile(mark, "");
    killer.send("die");
    await events.said({ event: "start-failed", shard: 1 }, 30_000);
    expect(server.state).toBe("listening");
    // An option says that two have to serve: balancers send new clients elsewhere, and who comes is served.
    expect(server.ready).toBe(false);
    const probe = await RawClient.connect(server.port);
    probe.write("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect((await probe.response()).status).toBe(503);
    expect(await echo(bystander, "undisturbed")).toBe("undisturbed");
    expect(await echo(await openOn(server, 0, "/"), "new")).toBe("new");
    await rm(mark);
    await within("its return", server.restartShard(1));
    expect(server.ready).toBe(true);
    expect(await echo(await openOn(server, 1, "/"), "back")).toBe("back");
    expect(await server.shutdown({ deadlineMs: 300 })).toMatchObject({
      balanced: true,
      outcomes: { crashed: 1 },
    });
  });
});

describe("a handler that blocks its thread", () => {
  it("is reported, ended at the deadline, and makes the command end with 1", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--balance", "round-robin"],
      ...["--shutdown-deadline", "3s", "--blocked-after", "300ms"],
    ]);
    const blocker = await RawClient.open(command.port, "/block");
    const bystander = await RawClient.open(command.port);
    blocker.send("now");
    await command.logged(/"event":"blocked"/);
    expect(await echo(bystander, "undisturbed")).toBe("undisturbed");
    // A blocked shard is passed over.
    for (let i = 0; i < 4; i++) {
      const next = await RawClient.open(command.port);
      expect(await echo(next, "served")).toBe("served");
      void live(next);
    }
    command.kill("SIGTERM");
    expect(await bystander.closed()).toMatchObject({ code: 1001 });
    const { status, report } = await within("the end", command.ended);
    expect(status).toBe(1);
    expect(report).toMatchObject({
      outcomes: { clean: 5, crashed: 1 },
      shardsKilled: 1,
      balanced: true,
      deadlineHeld: true,
    });
    expect(report.durationMs).toBeGreaterThanOrEqual(3_000);
    expect(report.durationMs).toBeLessThanOrEqual(4_000);
  });

  it("is ended at once by a second signal", async () => {
    const command = await serveCommand([
      ...["--workers", "1", "--shutdown-deadline", "10m"],
    ]);
    const blocker = await RawClient.open(command.port, "/block");
    blocker.send("now");
    await command.logged(/"event":"blocked"/);
    command.kill("SIGTERM");
    await command.logged(/SIGTERM: shutting down/);
    command.kill("SIGTERM");
    const { status, report } = await within("the end", command.ended);
    expect(status).toBe(1);
    expect(report).toMatchObject({
      outcomes: { crashed: 1 },
      shardsKilled: 1,
      balanced: true,
    });
    await within("its end", blocker.ended);
  });
});
