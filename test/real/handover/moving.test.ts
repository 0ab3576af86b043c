import { describe, expect, it } from "vitest";
import type {
  ServerOptions,
  ShutdownReport,
  SluiceServer,
} from "../../../src/index.ts";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import type { ConnectionDetails } from "../../../src/admin/api.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { callAdmin } from "../admin/call-admin.ts";
import { Strangers } from "./strangers.ts";
import { judgeTalkers, openTalkers, Talker } from "./talkers.ts";
import { type Behaviour, type Deployment, deployment } from "./versions.ts";

const CONTENT = { closed: 0, wrong: 0, unanswered: 0 };

async function serveVersion(
  options: ServerOptions = {},
  behaviour: Behaviour = "echoes",
): Promise<{
  server: SluiceServer & { readonly port: number };
  versions: Deployment;
}> {
  const versions = await deployment();
  await versions.deploy("v1", behaviour);
  const server = await startServer({
    workers: 2,
    handlers: versions.file,
    trialMs: 200,
    ...options,
  });
  return { server, versions };
}

/** Everyone is told, and the sums hold. */
async function expectBalance(server: SluiceServer): Promise<ShutdownReport> {
  const report = await server.shutdown({ deadlineMs: 3_000 });
  expect(report.balanced).toBe(true);
  return report;
}

function connectionsByShard(server: SluiceServer): number[] {
  return server.stats().shards.map(({ connections }) => connections);
}

describe("evacuating a shard", () => {
  it("moves every connection to the others, with its messages in flight", async () => {
    const { server } = await serveVersion();
    const talkers = await openTalkers(server.port, 40);
    const report = await server.drain({ shard: 0, move: true }).done;
    expect(report).toMatchObject({ notified: 0, moved: 20, refused: {} });
    expect(connectionsByShard(server)).toEqual([0, 40]);
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
    expect(server.stats().ledger).toMatchObject({ opened: 40, live: 40 });
    await expectBalance(server);
  });

  it("takes identity, request, data and subscriptions along", async () => {
    const { server } = await serveVersion();
    const mover = await Talker.open(server.port, { inFlight: 0, path: "/a?b" });
    const other = await Talker.open(server.port, { inFlight: 0 });
    await mover.ask("keep this");
    const before = JSON.parse(await mover.ask("who"));
    await server.drain({ shard: 0, move: true }).done;
    await server.drain({ shard: 1, move: true }).done;
    const after = JSON.parse(await mover.ask("who"));
    expect(after).toEqual({ ...before, threadId: after.threadId });
    expect(after).toMatchObject({
      data: { kept: "this" },
      url: "/a?b",
      topics: ["news"],
      state: "open.healthy",
    });
    const heard = mover.ask("hush");
    expect(await heard).toBe("hush");
    const published = new Promise<string>((resolve) => {
      mover.socket.once("data", (bytes: Buffer) =>
        resolve(bytes.subarray(2).toString()),
      );
    });
    other.client.send("tell extra");
    expect(await published).toBe("extra");
    mover.socket.destroy();
    other.socket.destroy();
  });

  it("goes on counting bytes and messages where the other thread has left off", async () => {
    const { server } = await serveVersion({ admin: true, adminPort: 0 });
    const [talker] = await openTalkers(server.port, 1, { inFlight: 0 });
    await talker?.ask("before");
    const look = async (): Promise<ConnectionDetails> =>
      (await callAdmin(server, "/api/connections/c1")).json();
    const before = await look();
    expect(before).toMatchObject({ messagesIn: 1, messagesOut: 1 });
    await server.drain({ shard: 0, move: true }).done;
    expect(await look()).toMatchObject({
      shard: 1,
      bytesIn: before.bytesIn,
      bytesOut: before.bytesOut,
    });
    await talker?.ask("after");
    const { bytesIn, bytesOut } = await look();
    // A frame has two bytes before its text, and a client's four more.
    expect(bytesIn - before.bytesIn).toBe("after".length + 6);
    expect(bytesOut - before.bytesOut).toBe("after".length + 2);
  });

  it("lets the handlers suspend and resume what cannot be cloned", async () => {
    const { server } = await serveVersion({}, "suspends and resumes");
    const [talker] = await openTalkers(server.port, 1, { inFlight: 0 });
    expect(await talker?.ask("note")).toBe("opened");
    await server.drain({ shard: 0, move: true }).done;
    expect(await talker?.ask("note")).toBe("opened resumed");
  });

  it.each<[Behaviour, string]>([
    ["has opened without resume", "no-resume"],
    ["cannot be cloned", "data"],
    ["is nested too deeply", "data"],
  ])("tells those to come back whose version %s", async (behaviour, cause) => {
    const { server } = await serveVersion({}, behaviour);
    const talkers = await openTalkers(server.port, 6, { pauseMs: 1 });
    await until("all have talked", () => talkers.every((t) => t.echoed > 4));
    const report = await server.drain({ shard: 0, move: true }).done;
    expect(report).toMatchObject({
      notified: 3,
      moved: 0,
      refused: { [cause]: 3 },
    });
    const codes = talkers.map(({ closeCode }) => closeCode);
    expect(codes.filter((code) => code === 1012)).toHaveLength(3);
    expect(codes.filter((code) => code === undefined)).toHaveLength(3);
    await expectBalance(server);
  });

  it("waits for a handler in flight, and gives up at the deadline", async () => {
    const server = await startServer({ workers: 2, moveDeadlineMs: 50 });
    const slow = await Talker.open(server.port, {
      path: "/slow?ms=400",
      inFlight: 1,
    });
    const report = await server.drain({ shard: 0, move: true }).done;
    // The tests' service has `opened` and no `resume`: it never moves.
    expect(report.refused).toEqual({ "no-resume": 1 });
    await until("it has been told", () => slow.closeCode !== undefined);
    expect(slow.closeCode).toBe(1012);
  });

  it("waits until there is somewhere to go, where the only other shard is drained meanwhile", async () => {
    const { server } = await serveVersion({}, "has a gate");
    const talkers = await openTalkers(server.port, 2, { inFlight: 0 });
    const [waiting, other] = talkers as [Talker, Talker];
    await waiting.ask("wait");
    const { done } = server.drain({ shard: 0, move: true });
    await server.drain({ shard: 1 }).done;
    expect(other.closeCode).toBe(1001);
    // Only now may it leave, and nobody takes it.
    const opener = new BroadcastChannel("gate");
    opener.postMessage("open");
    opener.close();
    await until(
      "it has been to main and back",
      () => server.stats().handover.moved > 0,
    );
    server.resume(1);
    expect(await done).toMatchObject({ notified: 0, moved: 1 });
    expect(await waiting.ask("who")).toContain("open.healthy");
    await expectBalance(server);
  });

  it("ends with the server that is shut down meanwhile", async () => {
    const { server } = await serveVersion();
    const talkers = await openTalkers(server.port, 40);
    const { done } = server.drain({ shard: 0, move: true });
    await expectBalance(server);
    expect(await done).toMatchObject({ wasCalledOff: true });
    expect(talkers.every(({ closeCode }) => closeCode === 1001)).toBe(true);
  });

  it("leaves the shard to a reload that begins meanwhile", async () => {
    const { server } = await serveVersion();
    const talkers = await openTalkers(server.port, 40);
    const { done } = server.drain({ shard: 0, move: true });
    await server.reload();
    await done;
    expect(server.stats().shards).toHaveLength(2);
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
    await expectBalance(server);
  });

  it("is refused where there is no other shard", async () => {
    const { server } = await serveVersion({ workers: 1 });
    expect(() => server.drain({ shard: 0, move: true })).toThrow(
      expect.objectContaining({ code: "ERR_SLUICE_STATE" }),
    );
  });

  it("closes with a retry time, and says why, where handover is off", async () => {
    const { server } = await serveVersion({ handover: false });
    expect(server.stats().handover.off).toBe("the option handover is off");
    const talkers = await openTalkers(server.port, 4);
    const report = await server.drain({ shard: 0, move: true }).done;
    expect(report).toMatchObject({ notified: 2, refused: { runtime: 2 } });
    expect(talkers.filter(({ closeCode }) => closeCode === 1012)).toHaveLength(
      2,
    );
  });
});

describe("rebalancing", () => {
  it("evens the shards out on demand", async () => {
    const { server } = await serveVersion();
    const talkers = await openTalkers(server.port, 21);
    await server.drain({ shard: 1, move: true }).done;
    expect(connectionsByShard(server)).toEqual([21, 0]);
    const { moved } = await server.rebalance();
    expect(moved).toBe(10);
    expect(new Set(connectionsByShard(server))).toEqual(new Set([10, 11]));
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
  });
});

describe("a reload", () => {
  it("exchanges every shard under the feet of its connections", async () => {
    const { server, versions } = await serveVersion();
    const talkers = await openTalkers(server.port, 60);
    for (const version of ["v2", "v3"]) {
      await versions.deploy(version);
      expect(await server.reload()).toMatchObject({ moved: 60, notified: 0 });
      const who = JSON.parse((await talkers[0]?.ask("who")) as string);
      expect(who).toMatchObject({ version, id: "c1" });
    }
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
    expect(server.stats().shards).toHaveLength(2);
    await expectBalance(server);
  });

  it.each<[Behaviour, number]>([
    ["throws at load", 0],
    ["rejects in started", 0],
    ["hangs at load", 0],
    ["throws on a message", 2],
    ["hangs on a message", 2],
    ["dies on a message", 2],
  ])("to a version that %s goes back", async (behaviour, mostLost) => {
    const { server, versions } = await serveVersion({
      startDeadlineMs: 4_000,
      // Long enough for a thread that stands still to be noticed.
      trialMs: 1_000,
    });
    const talkers = await openTalkers(server.port, 40);
    await versions.deploy("bad", behaviour);
    await expect(server.reload()).rejects.toMatchObject({
      code: "ERR_SLUICE_RELOAD",
    });
    const verdict = await judgeTalkers(talkers);
    // Only those who had moved can be lost: the first of each shard.
    expect(verdict.closed).toBeLessThanOrEqual(mostLost);
    expect(verdict).toMatchObject({ wrong: 0, unanswered: 0 });
    const survivor = talkers.find(({ isContent }) => isContent) as Talker;
    const who = JSON.parse(await survivor.ask("who"));
    expect(who.version).toBe("v1");
    const { closeCodes, outcomes } = await expectBalance(server);
    // Whoever was lost is in the ledger too: with its thread, or closed for its handler's failure.
    expect(closeCodes["1001"]).toBe(40 - verdict.closed);
    expect(outcomes.crashed + (closeCodes["1011"] ?? 0)).toBe(verdict.closed);
  });

  it("goes back also where all are on one shard, and few", async () => {
    const { server, versions } = await serveVersion({ trialMs: 1_000 });
    const talkers = await openTalkers(server.port, 10);
    await server.drain({ shard: 0, move: true }).done;
    await versions.deploy("bad", "throws on a message");
    await expect(server.reload()).rejects.toThrow(
      /: message failed for 2 of 2 connections that had moved/,
    );
    expect((await judgeTalkers(talkers)).closed).toBeLessThanOrEqual(2);
  });

  it("says which hook has failed, with what, and how the old version fared", async () => {
    const { server, versions } = await serveVersion({ trialMs: 1_000 });
    await openTalkers(server.port, 40);
    await versions.deploy("bad", "throws on a message");
    await expect(server.reload()).rejects.toThrow(
      /: message failed for 2 of 2 connections that had moved, and meanwhile for 0 of \d+ with the old version: Error: no message$/,
    );
  });

  it("is not up to strangers, whatever they ask for and say", async () => {
    const { server, versions } = await serveVersion({}, "trusts its clients");
    const talkers = await openTalkers(server.port, 40);
    // One says it many times over as soon as it has moved, or not at all.
    const [rude] = await openTalkers(server.port, 1, { inFlight: 0 });
    await versions.deploy("v2", "trusts its clients");
    const strangers = new Strangers(server.port);
    const reload = server.reload();
    await strangers.during(reload);
    expect(await reload).toMatchObject({ moved: 41, notified: 0 });
    expect(strangers.refused).toBeGreaterThan(10);
    expect(strangers.closed).toBeGreaterThan(10);
    expect(rude?.closeCode).toBeUndefined();
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
    await expectBalance(server);
  });

  it("is not up to one client, however much it says at once", async () => {
    const { server, versions } = await serveVersion(
      { trialMs: 500 },
      "trusts its clients",
    );
    // The oldest of its shard: the first to move.
    const [rude] = await openTalkers(server.port, 1, { inFlight: 0 });
    const talkers = await openTalkers(server.port, 40);
    await versions.deploy("v2", "trusts its clients");
    const reload = server.reload();
    const moved = async (): Promise<boolean> =>
      JSON.parse((await rude?.ask("who")) as string).version === "v2";
    while (!(await moved()));
    rude?.socket.write(Buffer.concat(Array(16).fill(frame(OPCODE.text, "{"))));
    expect(await reload).toMatchObject({ notified: 0 });
    expect(rude?.closeCode).toBe(1011);
    expect(await judgeTalkers(talkers)).toEqual(CONTENT);
  });

  it("is refused while another is under way", async () => {
    const { server } = await serveVersion();
    const first = server.reload();
    await expect(server.reload()).rejects.toMatchObject({
      code: "ERR_SLUICE_STATE",
    });
    await first;
  });

  it("gives way to a shutdown", async () => {
    const { server } = await serveVersion({ trialMs: 60_000 });
    const talkers = await openTalkers(server.port, 10);
    const reload = server.reload().catch((error: unknown) => error);
    await until("the new shards serve", () => server.stats().shards.length > 2);
    const report = await server.shutdown({ deadlineMs: 5_000 });
    expect(await reload).toMatchObject({ code: "ERR_SLUICE_RELOAD" });
    expect(report.balanced).toBe(true);
    expect(talkers.every(({ closeCode }) => closeCode === 1001)).toBe(true);
  });
});
