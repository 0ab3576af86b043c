import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { main } from "../../../src/cli/main.ts";
import { readSettings } from "../../../src/cli/settings.ts";
import { renderReport } from "../../../src/cli/print-report.ts";
import { renderTable } from "../../../src/cli/text-table.ts";
import type { SluiceServer } from "../../../src/index.ts";
import { FakeIo } from "../../unit/cli/fake-io.ts";
import { deployment } from "../handover/versions.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { connect } from "./call-admin.ts";

const TOKEN = "correct-horse-battery";
const MOVABLE = fileURLToPath(new URL("movable.ts", import.meta.url));
const ADMIN = { admin: true, adminPort: 0, workers: 2 } as const;

async function sluice(
  server: SluiceServer,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const port = String(server.adminAddress?.port);
  const io = new FakeIo({ args, env: { SLUICE_ADMIN_PORT: port, ...env } });
  const status = await main(io);
  return { status, out: io.stdout.text, err: io.stderr.text };
}

describe("sluice serve", () => {
  const admin = async (
    flags: Readonly<Record<string, unknown>>,
    env: Readonly<Record<string, string>> = {},
  ) => {
    const io = new FakeIo({ env });
    const { config } = await readSettings(new Map(Object.entries(flags)), io);
    return config.admin;
  };

  it("has its inspector on, unless it is told otherwise", async () => {
    expect(await admin({})).toBe(true);
    expect(await admin({ admin: false })).toBe(false);
    expect(await admin({}, { SLUICE_ADMIN: "off" })).toBe(false);
    expect(await admin({ admin: true }, { SLUICE_ADMIN: "off" })).toBe(true);
  });
});

describe("the commands that speak to a running server", () => {
  it("show its states and shards, as a table and as JSON", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    const { status, out } = await sluice(server, ["status"]);
    expect(status).toBe(0);
    expect(out).toMatch(
      /^listening {2}ws:\/\/127\.0\.0\.1:\d+ {2}pid \d+ {2}up /,
    );
    expect(out).toMatch(/^open\.healthy +1 +[01] +[01]$/m);
    expect(out).toMatch(/^0 +serving\.accepting +[01] /m);
    const json = await sluice(server, ["status", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ connections: 1 });
  });

  it("list connections, page by page, and show one", async () => {
    const server = await startServer(ADMIN);
    for (let count = 0; count < 3; count++) await connect(server, "/echo");
    const { out } = await sluice(server, [
      "connections",
      "--state",
      "open",
      "--limit",
      "2",
    ]);
    const cursor = /2 of 3; go on with --after (\S+)/.exec(out)?.[1] ?? "";
    const rest = await sluice(server, [
      "connections",
      "--limit",
      "2",
      "--after",
      cursor,
    ]);
    expect(rest.out).toContain("1 of 3");
    const id = /^c\d+/m.exec(rest.out)?.[0] ?? "";
    const one = await sluice(server, ["connections", id]);
    expect(one.out).toMatch(new RegExp(`^${id} +open\\.healthy`));
    expect(one.out).toMatch(/header sec-websocket-key +\(hidden\)/);
  });

  it("drain a shard, wait for it, and resume it", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    const closed = once(client, "close");
    const { out } = await sluice(server, ["drain"]);
    expect(out).toMatch(/^1 told to go, all ended, in /);
    await closed;
    expect(server.stats().shards[1]?.state).toBe("serving.suspended");
    const resumed = await sluice(server, ["resume", "--shard", "1"]);
    expect(resumed.out).toBe("shard 1 takes connections again\n");
    expect(server.stats().shards.map(({ state }) => state)).toEqual([
      "serving.suspended",
      "serving.accepting",
    ]);
  });

  it("tell what has happened before one looks, and what happens", async () => {
    const server = await startServer({
      ...ADMIN,
      handlers: fileURLToPath(new URL("failing.ts", import.meta.url)),
    });
    for (const path of ["/a", "/b"]) {
      const client = await connect(server, path);
      const closed = once(client, "close");
      client.send("fail");
      await closed;
    }
    await sluice(server, ["restart", "1"]);
    const { out } = await sluice(server, ["events"]);
    const entries = out.split(/^(?=\d{4}-)/m);
    const failed = entries.filter((entry) => entry.includes(" error "));
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(
      /^\S+ error handler failed \(shard [01]\), 2 times\n {4}Error: it fails\n {8}at .*failing\.ts:/,
    );
    expect(out).toContain(" info  shard 1 is being replaced\n");
    const port = String(server.adminAddress?.port);
    const io = new FakeIo({
      args: ["events", "--follow"],
      env: { SLUICE_ADMIN_PORT: port },
    });
    const following = main(io);
    await until("what was before is told", () =>
      io.stdout.text.includes("handler failed"),
    );
    await server.shutdown();
    expect(await following).toBe(0);
    expect(io.stdout.text).toContain(
      " info  closing: telling every connection",
    );
  });

  it("call a drain off that is under way", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    // Who does not read keeps a drain waiting.
    client.pause();
    const started = await sluice(server, ["drain", "--no-wait"]);
    const [, id = ""] = /^drain (\d+) is under way\n$/.exec(started.out) ?? [];
    const calledOff = await sluice(server, ["drain", "--call-off", id]);
    expect(calledOff.out).toBe(
      `drain ${id} is called off: who was not told stays\n`,
    );
    const unknown = await sluice(server, ["drain", "--call-off", "99"]);
    expect(unknown.err).toBe("error: there is no drain 99\n");
    expect(unknown.status).toBe(1);
  });

  it("restart a shard, and wait until another thread serves", async () => {
    const server = await startServer(ADMIN);
    const restarted = await sluice(server, ["restart", "1"]);
    expect(restarted.out).toBe("shard 1 serves again, in another thread\n");
    const [other, shard] = server.stats().shards;
    expect(shard).toMatchObject({ restarts: 1, state: "serving.accepting" });
    expect(other).toMatchObject({ restarts: 0 });
    const unknown = await sluice(server, ["restart", "7"]);
    expect(unknown.err).toBe("error: there is no shard 7; there are 0, 1\n");
  });

  it("close one connection with the code and the reason that they are given", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    const closed = once(client, "close");
    const { out } = await sluice(server, ["connections", "--json"]);
    const { rows } = JSON.parse(out) as { rows: readonly [{ id: string }] };
    const id = rows[0].id;
    const told = await sluice(server, [
      ...["close", id, "--code", "4004"],
      ...["--reason", "seen enough"],
    ]);
    expect(told.out).toBe(`connection ${id} is told to go\n`);
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4004, "seen enough"]);
    const wrong = await sluice(server, ["close", id, "--code", "1005"]);
    expect(wrong.err).toMatch(/^error: code: got 1005, takes 1000 to/);
  });

  it("move a shard's connections away, and even the shards out", async () => {
    const server = await startServer({ ...ADMIN, handlers: MOVABLE });
    const clients: WebSocket[] = [];
    for (let count = 0; count < 4; count++) clients.push(await connect(server));
    const status = await sluice(server, ["status"]);
    expect(status.out).toContain("handover: 4 connections can move\n");
    const drained = await sluice(server, ["drain", "--shard", "0", "--move"]);
    expect(drained.out).toMatch(
      /^2 moved to other shards, 0 told to come back, and the shard serves again, in /,
    );
    expect(server.stats().shards.map(({ connections }) => connections)).toEqual(
      [0, 4],
    );
    const evened = await sluice(server, ["rebalance"]);
    expect(evened.out).toMatch(/^2 connections moved, in /);
    const { out } = await sluice(server, ["status"]);
    expect(out).toMatch(/^handover: 4 connections can move; 4 have, unread /m);
    expect(clients.every(({ readyState }) => readyState === 1)).toBe(true);
  });

  it("say why a shard's connections cannot be moved", async () => {
    const server = await startServer({ ...ADMIN, handlers: MOVABLE });
    expect(await sluice(server, ["drain", "--move"])).toMatchObject({
      status: 1,
      err: "error: drain(): move takes a shard, whose connections go to the others\n",
    });
    expect(
      await sluice(server, ["drain", "--shard", "0", "--move", "--path", "/"]),
    ).toMatchObject({
      status: 1,
      err: expect.stringContaining("got pathPrefix or olderThanMs"),
    });
  });

  it("reload the handlers, and say what could not move", async () => {
    const versions = await deployment();
    await versions.deploy("v1");
    const server = await startServer({
      ...ADMIN,
      handlers: versions.file,
      trialMs: 10,
    });
    await connect(server);
    const { out } = await sluice(server, ["reload"]);
    expect(out).toMatch(/^1 connections moved, 0 told to come back, in /);
    const json = await sluice(server, ["reload", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ moved: 1, notified: 0 });
    await versions.deploy("v2", "throws at load");
    expect(await sluice(server, ["reload"])).toMatchObject({
      status: 1,
      out: "",
      err: expect.stringContaining("no load"),
    });
    expect(server.state).toBe("listening");
  });

  it("shut it down with the report that the server itself would print", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    const { status, out } = await sluice(server, [
      "shutdown",
      "--reason",
      "upgrade",
    ]);
    expect(out).toBe(`${renderReport(await server.terminated)}\n`);
    expect(out).toMatch(/^Shutdown \(upgrade\) took /);
    expect(status).toBe(0);
  });

  it("say that a shutdown was called off", async () => {
    const server = await startServer({ ...ADMIN, shutdownDelayMs: 5000 });
    const shutdown = sluice(server, ["shutdown"]);
    // The follower is attached before it asks, and the asking is what is seen here.
    while (server.state === "listening")
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    const off = await sluice(server, ["shutdown", "--call-off"]);
    expect(off.out).toContain("called off");
    expect(await shutdown).toMatchObject({
      status: 1,
      err: "error: the shutdown was called off; the server listens again\n",
    });
  });

  it("bring the token from the environment, and ask for it where it is missing", async () => {
    const server = await startServer({ ...ADMIN, adminToken: TOKEN });
    const without = await sluice(server, ["status"]);
    expect(without).toMatchObject({
      status: 1,
      err: expect.stringContaining("set SLUICE_ADMIN_TOKEN"),
    });
    const { status } = await sluice(server, ["status"], {
      SLUICE_ADMIN_TOKEN: TOKEN,
    });
    expect(status).toBe(0);
  });

  it("pass on why something is refused", async () => {
    const server = await startServer(ADMIN);
    expect(await sluice(server, ["drain", "--shard", "9"])).toMatchObject({
      status: 1,
      err: 'error: shard: got "9", takes an integer from 0 to 1\n',
    });
    expect(
      await sluice(server, ["connections", "--older-than", "soon"]),
    ).toMatchObject({
      status: 2,
      err: expect.stringContaining('--older-than: got "soon"'),
    });
  });

  it("say in one sentence that nobody answers", async () => {
    const io = new FakeIo({ args: ["status", "--admin-port", "1"] });
    expect(await main(io)).toBe(1);
    expect(io.stderr.text).toContain(
      "error: no server answers at http://127.0.0.1:1",
    );
  });

  it("let no peer write to the terminal", () => {
    const table = renderTable([{ title: "path" }], [["/\u001b[2J\r\nx"]]);
    expect(table).toBe("path\n/?[2J??x");
  });
});
