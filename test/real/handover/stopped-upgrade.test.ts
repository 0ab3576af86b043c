import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import type { Ledger, ShutdownReport } from "../../../src/index.ts";
import { RawClient } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";
import { endWithTest, Generations, gone } from "./generations.ts";
import { judgeTalkers, openTalkers, type Talker } from "./talkers.ts";

const CLIENTS = 40;
const DEBUG = ["--log-level", "debug"];

/** An upgrade that has begun, up to a line in the log of either process. */
async function upgrading(phase: keyof typeof phases): Promise<{
  server: Generations;
  talkers: Talker[];
  next: number;
}> {
  const server = await Generations.begin(DEBUG);
  const talkers = await openTalkers(server.command.port, CLIENTS);
  process.kill(server.pid, "SIGUSR2");
  const [, next] = await server.command.logged(
    new RegExp(`"pid":(?!${server.pid},)(\\d+),"hostname"[^\\n]*"taking-over"`),
    45_000,
  );
  endWithTest(Number(next));
  await phases[phase](server, Number(next));
  return { server, talkers, next: Number(next) };
}

const phases = {
  "while the new process starts": async () => {},
  "in its trial": async (server: Generations, next: number) => {
    await server.logged(/"event":"listening"/, next);
  },
  "while everyone moves": async (server: Generations) => {
    await server.logged(/"event":"trial-passed"/);
  },
};

/** Everything has ended: what each process has reported, and what the clients saw. */
async function theEnd({ command }: Generations): Promise<ShutdownReport[]> {
  const { stdout } = await within("the end", command.ended, 45_000);
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as ShutdownReport);
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const outcome = Promise.race([
    once(socket, "connect").then(() => false),
    once(socket, "error").then(() => true),
  ]);
  try {
    return await within("the port to answer", outcome);
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

function codesOf(talkers: readonly Talker[]): unknown[] {
  return [...new Set(talkers.map(({ closeCode }) => closeCode))];
}

const everyPhase = Object.keys(phases) as (keyof typeof phases)[];

describe("an upgrade that is under way", () => {
  it.each(everyPhase)(
    "stops with the old process, when that is asked to %s",
    async (phase) => {
      const { server, talkers, next } = await upgrading(phase);
      process.kill(server.pid, "SIGTERM");
      const reports = await theEnd(server);
      await gone(next);
      expect(await isRefused(server.command.port)).toBe(true);
      expect(codesOf(talkers)).toEqual([1001]);
      expect(reports.map(({ balanced }) => balanced)).not.toContain(false);
      const told = reports.reduce(
        (sum, { closeCodes }) => sum + (closeCodes[1001] ?? 0),
        0,
      );
      expect(told).toBe(CLIENTS);
    },
  );

  it.each(everyPhase)(
    "stops when both processes are asked to %s, as a terminal does",
    async (phase) => {
      const { server, talkers, next } = await upgrading(phase);
      process.kill(next, "SIGINT");
      process.kill(server.pid, "SIGINT");
      const reports = await theEnd(server);
      await gone(next);
      expect(codesOf(talkers)).toEqual([1001]);
      expect(reports.map(({ balanced }) => balanced)).not.toContain(false);
    },
  );

  // Once everyone moves, the new process may be the server by then.
  it.each(everyPhase.slice(0, 2))(
    "is off when the new process is asked to stop %s, and the old one goes on",
    async (phase) => {
      const { server, talkers, next } = await upgrading(phase);
      process.kill(next, "SIGTERM");
      await server.logged(/"event":"rolled-back"/);
      await gone(next);
      const verdict = await judgeTalkers(talkers);
      expect(verdict).toMatchObject({ wrong: 0, unanswered: 0 });
      expect(codesOf(talkers)).not.toContain(1006);
      const [newcomer] = await openTalkers(server.command.port, 1);
      expect(newcomer?.isContent).toBe(true);
      process.kill(server.pid, "SIGTERM");
      const reports = await theEnd(server);
      expect(reports.map(({ balanced }) => balanced)).not.toContain(false);
    },
  );

  it("leaves the port open when the new process goes, which takes its time", async () => {
    const deadlines = [
      ...["--shutdown-deadline", "3s", "--handshake-deadline", "60s"],
      // Meanwhile the new process accepts, too.
      ...["--shutdown-delay", "1s"],
    ];
    const server = await Generations.begin([...DEBUG, ...deadlines]);
    const { port } = server.command;
    const talkers = await openTalkers(port, 6, { inFlight: 0 });
    // Nobody says goodbye, so that the new process waits for those whom it has.
    for (const { socket } of talkers) socket.removeAllListeners("data");
    // A request that never ends keeps the old one from leaving.
    const slow = await RawClient.connect(port);
    slow.write("GET /echo HTTP/1.1\r\nHost:");
    process.kill(server.pid, "SIGUSR2");
    const [, next] = await server.command.logged(
      new RegExp(
        `"pid":(?!${server.pid},)(\\d+),"hostname"[^\\n]*"taking-over"`,
      ),
      45_000,
    );
    await until("all have moved", async () => {
      const { ledger } = await server.ask<{ ledger: Ledger }>("/api/status");
      return ledger.movedOut === talkers.length;
    });
    process.kill(Number(next), "SIGTERM");
    await server.logged(/closing: telling/, Number(next));
    const newcomers = await openTalkers(port, 8);
    await until("all are answered", () =>
      newcomers.every(({ echoed }) => echoed > 0),
    );
    await server.logged(/"event":"rolled-back"/);
    for (const newcomer of newcomers)
      expect(newcomer).toMatchObject({ isContent: true, closeCode: undefined });
    for (const { socket } of talkers) socket.destroy();
    process.kill(server.pid, "SIGTERM");
    const reports = await theEnd(server);
    expect(reports.map(({ balanced }) => balanced)).toEqual([true, true]);
  });

  it("stops the new process also when the old one only waits for its last clients", async () => {
    const server = await Generations.begin(["--close-deadline", "20s"]);
    await server.versions.deploy("v1", "cannot be cloned");
    await server.ask("/api/reload", {});
    const { port } = server.command;
    const talkers = await openTalkers(port, 6, { inFlight: 0 });
    const [stubborn] = (await openTalkers(port, 1, { inFlight: 0 })) as [
      Talker,
    ];
    stubborn.client.send("stay");
    await once(stubborn.socket, "data");
    stubborn.socket.removeAllListeners("data");
    process.kill(server.pid, "SIGUSR2");
    const [, next] = await server.logged(/"event":"upgraded","pid":(\d+)/);
    endWithTest(Number(next));
    process.kill(server.pid, "SIGTERM");
    await gone(Number(next));
    await until("all were told", () =>
      talkers.every(({ closeCode }) => closeCode === 1001),
    );
    stubborn.socket.destroy();
    const reports = await theEnd(server);
    expect(reports).toMatchObject([{ balanced: true }, { balanced: true }]);
    expect(await isRefused(port)).toBe(true);
  });

  it("refuses a second one, and a reload", async () => {
    const { server, talkers } = await upgrading("in its trial");
    await expect(server.ask("/api/upgrade", {})).rejects.toThrow(
      /409 .*an upgrade is under way/,
    );
    await expect(server.ask("/api/reload", {})).rejects.toThrow(
      /409 .*an upgrade is under way/,
    );
    const [, pid] = await server.logged(/"event":"upgraded","pid":(\d+)/);
    await gone(server.pid);
    expect((await judgeTalkers(talkers)).closed).toBe(0);
    process.kill(Number(pid), "SIGTERM");
    const reports = await theEnd(server);
    expect(reports.map(({ balanced }) => balanced)).toEqual([true, true]);
  });
});
