import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import type { ShutdownReport } from "../../../src/index.ts";
import { until, within } from "../../support/within.ts";
import { endWithTest, Generations, gone } from "./generations.ts";
import { judgeTalkers, openTalkers, type Talker } from "./talkers.ts";

const CLIENTS = 40;
/** Long enough to be killed in. */
const ARGUMENTS = ["--log-level", "debug", "--trial", "2s"];

interface Scene {
  readonly server: Generations;
  readonly talkers: Talker[];
  readonly old: number;
  readonly next: number;
}

/** What the log of either process says when an upgrade has come so far. */
const phases = {
  starts: async () => {},
  "has begun to try its shards": async ({ server, next }: Scene) => {
    await server.logged(/"event":"started"/, next);
  },
  "is in its trial": async ({ server, next }: Scene) => {
    await server.logged(/"event":"listening"/, next);
  },
  "takes everyone over": async ({ server, old }: Scene) => {
    await server.logged(/"event":"trial-passed"/, old);
  },
  "is on its own": async ({ server, old }: Scene) => {
    await server.logged(/"event":"upgraded"/, old);
  },
};
type Phase = keyof typeof phases;

async function upgrading(phase: Phase): Promise<Scene> {
  const server = await Generations.begin(ARGUMENTS);
  const talkers = await openTalkers(server.command.port, CLIENTS);
  const old = server.pid;
  process.kill(old, "SIGUSR2");
  const [, pid] = await server.command.logged(
    new RegExp(`"pid":(?!${old},)(\\d+),"hostname"[^\\n]*"taking-over"`),
    45_000,
  );
  const scene = { server, talkers, old, next: Number(pid) };
  endWithTest(scene.next);
  await phases[phase](scene);
  return scene;
}

/** The one that is left serves whoever comes; then it ends, with the report of its own. */
async function serveAndEnd(
  { server }: Scene,
  survivor: number,
): Promise<ShutdownReport> {
  const [newcomer] = await openTalkers(server.command.port, 1);
  const facts = JSON.parse((await newcomer?.ask("who")) ?? "") as {
    pid: number;
  };
  expect(facts.pid).toBe(survivor);
  process.kill(survivor, "SIGTERM");
  const { stdout } = await within("the end", server.command.ended, 45_000);
  const reports = stdout.split("\n").filter((line) => line.startsWith("{"));
  return JSON.parse(reports.at(-1) ?? "") as ShutdownReport;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe("a process that takes over and is killed", () => {
  // While it takes everyone over it may be on its own by the time it dies.
  it.each<Phase>(["starts", "has begun to try its shards", "is in its trial"])(
    "when it %s takes nobody along whom it did not have, and the old one goes on",
    async (phase) => {
      const scene = await upgrading(phase);
      process.kill(scene.next, "SIGKILL");
      await scene.server.logged(/"event":"rolled-back"/, scene.old);
      const { closed, ...said } = await judgeTalkers(scene.talkers);
      expect(said).toEqual({ wrong: 0, unanswered: 0 });
      const report = await serveAndEnd(scene, scene.old);
      expect(report).toMatchObject({ opened: CLIENTS + 1, balanced: true });
      expect(report.movedOut - report.movedIn).toBe(closed);
      expect(report.closeCodes).toEqual({ 1001: CLIENTS + 1 - closed });
    },
  );

  it("by the last that comes to it leaves the port to the old one", async () => {
    const server = await Generations.begin(ARGUMENTS);
    const talkers = await openTalkers(server.command.port, CLIENTS);
    const old = server.pid;
    await server.versions.deploy(
      "bad",
      "is killed by the last that it takes over",
    );
    process.kill(old, "SIGUSR2");
    await server.logged(/"event":"rolled-back"/, old);
    const { closed } = await judgeTalkers(talkers);
    await until("the port is open again", () => accepts(server.command.port));
    const report = await serveAndEnd({ server, talkers, old, next: 0 }, old);
    expect(report).toMatchObject({ opened: CLIENTS + 1, balanced: true });
    expect(report.movedOut - report.movedIn).toBe(closed);
  });

  it("when it is on its own takes along whom it has, and the old one still ends with its report", async () => {
    const scene = await upgrading("is on its own");
    process.kill(scene.next, "SIGKILL");
    await gone(scene.old);
    const { stdout } = await within("the end", scene.server.command.ended);
    expect(JSON.parse(stdout)).toMatchObject({
      reason: "upgrade",
      opened: CLIENTS,
      movedOut: CLIENTS,
      balanced: true,
    });
  });
});

describe("a process that is replaced and is killed", () => {
  // One that has been handed the port has nobody else to leave it to.
  it.each<Phase>([
    "has begun to try its shards",
    "is in its trial",
    "takes everyone over",
    "is on its own",
  ])(
    "when the new one %s leaves everyone alone whom that has, and it serves",
    async (phase) => {
      const scene = await upgrading(phase);
      process.kill(scene.old, "SIGKILL");
      await gone(scene.old);
      const { closed, ...said } = await judgeTalkers(scene.talkers);
      expect(said).toEqual({ wrong: 0, unanswered: 0 });
      const report = await serveAndEnd(scene, scene.next);
      expect(report.balanced).toBe(true);
      expect(report.movedIn).toBe(CLIENTS - closed);
    },
  );
});
