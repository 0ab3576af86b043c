import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { DrainStatus, Status } from "../../../src/admin/api.ts";
import type { ShutdownReport } from "../../../src/index.ts";
import { until, within } from "../../support/within.ts";
import { Generations } from "./generations.ts";
import { judgeTalkers, openTalkers, type Talker } from "./talkers.ts";

const CLIENTS = 24;
const inOrder = { balanced: true, shardsKilled: 0 };

async function upgraded(): Promise<{
  server: Generations;
  talkers: Talker[];
}> {
  const server = await Generations.begin();
  const talkers = await openTalkers(server.command.port, CLIENTS);
  await server.upgrade();
  return { server, talkers };
}

async function threadOf(talker: Talker): Promise<number> {
  const facts = JSON.parse(await talker.ask("who")) as { threadId: number };
  return facts.threadId;
}

async function liveOn(server: Generations, shard: number): Promise<number> {
  const { shards } = await server.ask<Status>("/api/status");
  const states = Object.entries(shards[shard]?.states ?? {});
  return states
    .filter(([name]) => name.startsWith("open."))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** A shard has been replaced, and serves. */
async function servesAgain(server: Generations): Promise<void> {
  await until("a shard serves again", async () => {
    const { shards } = await server.ask<Status>("/api/status");
    return (
      shards.some(({ restarts }) => restarts > 0) &&
      shards.every(({ state }) => state.startsWith("serving"))
    );
  });
}

/** On a connection of its own: one that is kept for the next question may be closed just as that is asked. */
async function newlyAsk<Answer>(url: string): Promise<Answer> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return (await json(response)) as Answer;
}

/** How many sockets of clients a process holds; one that it holds twice counts as two. */
function socketsOf(pid: number, port: number): number {
  const accepted = new Set<string>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, "latin1")
    .split("\n")
    .slice(1)) {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    if (Number.parseInt(local.split(":")[1] ?? "", 16) === port)
      if (state !== "0A") accepted.add(`socket:[${inode}]`);
  }
  return readdirSync(`/proc/${pid}/fd`).filter((descriptor) => {
    const path = `/proc/${pid}/fd/${descriptor}`;
    return lstatSync(path).isSymbolicLink() && accepted.has(readlinkSync(path));
  }).length;
}

/** All say what they have to say, the server ends, and its last report is held against what they saw. */
async function settle(
  server: Generations,
  talkers: readonly Talker[],
  closed = 0,
): Promise<ShutdownReport> {
  expect(await judgeTalkers(talkers)).toEqual({
    closed,
    wrong: 0,
    unanswered: 0,
  });
  const { port, ended } = server.command;
  expect(socketsOf(server.pid, port)).toBe(talkers.length - closed);
  expect(await server.ask<Status>("/api/status")).toMatchObject({
    connections: talkers.length - closed,
  });
  process.kill(server.pid, "SIGTERM");
  const { report } = await within("the end", ended);
  const { 1001: told = 0, 1006: cut = 0 } = report.closeCodes;
  expect(told + cut).toBe(talkers.length);
  expect(cut).toBeLessThanOrEqual(closed);
  return report;
}

describe.runIf(process.platform === "linux")("after an upgrade", () => {
  it("each connection is held once", async () => {
    const { server, talkers } = await upgraded();
    expect(await settle(server, talkers)).toMatchObject(inOrder);
  });

  it("the inspector is where it was, and answers all the time", async () => {
    const server = await Generations.begin();
    const [, url] = await server.logged(/inspector at (http:[^"]*)/);
    const watcher = await fetch(`${url}/api/events`);
    const over = new AbortController();
    const instances = new Set<string>();
    const looking = (async () => {
      while (!over.signal.aborted) {
        const status = await newlyAsk<Status>(`${url}/api/status`);
        instances.add(status.server.instance);
      }
    })();
    await server.upgrade();
    const [, next] = await server.logged(/inspector at (http:[^"]*)/);
    expect(next).toBe(url);
    const { server: now } = await server.ask<Status>("/api/status");
    over.abort();
    await looking;
    expect([...instances.add(now.instance)]).toHaveLength(2);
    // Whoever watched was let go, and looks again.
    const events = await within("its end", watcher.text());
    expect(events).not.toContain('"terminated"');
    expect(await settle(server, [])).toMatchObject(inOrder);
  });

  it("a second one closes nobody", async () => {
    const { server, talkers } = await upgraded();
    await server.upgrade();
    expect(await settle(server, talkers)).toMatchObject(inOrder);
  });

  it("a reload closes nobody", async () => {
    const { server, talkers } = await upgraded();
    await server.ask("/api/reload", {});
    expect(await settle(server, talkers)).toMatchObject(inOrder);
  });

  it("the connections of a shard move, and it starts again", async () => {
    const { server, talkers } = await upgraded();
    const started = await server.ask<DrainStatus>("/api/drain", {
      shard: 0,
      move: true,
    });
    const path = `/api/drains/${started.id}`;
    const { report } = await until("the shard was moved", async () => {
      const drain = await server.ask<DrainStatus>(path);
      return drain.report !== undefined && drain;
    });
    expect(report?.notified).toBe(0);
    expect(await settle(server, talkers)).toMatchObject(inOrder);
  });

  it("a shard that is restarted tells its own connections, and no other", async () => {
    const { server, talkers } = await upgraded();
    const told = await liveOn(server, 0);
    await server.ask("/api/shards/0/restart", {});
    await servesAgain(server);
    expect(await settle(server, talkers, told)).toMatchObject(inOrder);
    const codes = talkers.map(({ closeCode }) => closeCode);
    expect(codes.filter((code) => code === 1006)).toEqual([]);
  });

  it("a shard that crashes takes its own connections along, and no other", async () => {
    const { server, talkers } = await upgraded();
    const [first] = talkers as [Talker];
    const thread = await threadOf(first);
    const threads = await Promise.all(talkers.map(threadOf));
    first.client.send("die");
    await servesAgain(server);
    const lost = threads.filter((each) => each === thread).length;
    expect(await settle(server, talkers, lost)).toMatchObject(inOrder);
  });
});
