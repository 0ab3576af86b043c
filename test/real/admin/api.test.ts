import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type {
  ConnectionDetails,
  ConnectionList,
  DrainStatus,
  Sample,
  Status,
  Transition,
} from "../../../src/admin/api.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import {
  type AdminEvent,
  callAdmin,
  connect,
  openEvents,
  post,
} from "./call-admin.ts";

const ADMIN = { admin: true, adminPort: 0, workers: 2 } as const;

type Server = Awaited<ReturnType<typeof startServer>>;

async function status(server: Server): Promise<Status> {
  return (await callAdmin(server, "/api/status")).json();
}

async function list(server: Server, query = ""): Promise<ConnectionList> {
  return (await callAdmin(server, `/api/connections${query}`)).json();
}

async function nextEvent(
  events: AsyncIterator<AdminEvent>,
  name: string,
): Promise<unknown> {
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) throw new Error(`the stream ended before ${name}`);
    if (value.event === name) return value.data;
  }
}

describe("the admin API", () => {
  it("tells the server's state by shard, from its counters", async () => {
    const server = await startServer(ADMIN);
    const clients = [];
    for (let count = 0; count < 6; count++) clients.push(await connect(server));
    const open = await status(server);
    expect(open).toMatchObject({
      connections: 6,
      server: { state: "listening", ready: true, pid: process.pid },
      ledger: { accepted: 6, opened: 6, live: 6 },
    });
    expect(open.shards.map(({ states }) => states["open.healthy"])).toEqual([
      3, 3,
    ]);
    for (const client of clients) client.close();
    await until(
      "all have ended",
      async () => (await status(server)).ledger.outcomes["clean"] === 6,
    );
  });

  it("lists connections in pages, over all shards, none twice and none left out", async () => {
    const server = await startServer(ADMIN);
    for (let count = 0; count < 25; count++)
      await connect(server, count % 5 === 0 ? "/push" : "/echo");
    const seen: string[] = [];
    let after = "";
    for (let pages = 0; pages < 3; pages++) {
      const page = await list(server, `?limit=10&sort=path${after}`);
      expect(page.matching).toBe(25);
      seen.push(...page.rows.map(({ id }) => id));
      expect(page.next === undefined).toBe(pages === 2);
      after = `&after=${page.next}`;
    }
    expect(new Set(seen).size).toBe(25);
    const pushes = await list(server, "?path=/push&order=descending");
    expect(pushes.rows.map(({ path }) => path)).toEqual(
      Array.from({ length: 5 }, () => "/push"),
    );
    const ages = pushes.rows.map(({ ageMs }) => ageMs);
    expect(ages).toEqual(ages.toSorted((a, b) => b - a));
  });

  it("filters by state, shard, address and age", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    await connect(server);
    const matching = async (query: string) =>
      (await list(server, query)).matching;
    expect(await matching("?state=open")).toBe(2);
    expect(await matching("?state=open.healthy&shard=1")).toBe(1);
    expect(await matching("?state=closing")).toBe(0);
    expect(await matching("?address=127.")).toBe(2);
    expect(await matching("?address=10.")).toBe(0);
    expect(await matching("?olderThanMs=600000")).toBe(0);
    expect(await matching("?youngerThanMs=600000")).toBe(2);
  });

  it.each([
    ["?state=opened", "state: got"],
    ["?limit=1000", "limit: got"],
    ["?shard=2", "shard: got"],
    ["?stat=open", "stat: no such field"],
    ["?after=nonsense", "after: takes what a page gave as next"],
  ])("refuses %s in one sentence", async (query, message) => {
    const server = await startServer({ ...ADMIN, workers: 1 });
    const answer = await callAdmin(server, `/api/connections${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json<{ error: string }>().error).toContain(message);
  });

  it("answers for the shards that can, and names the one that is blocked", async () => {
    const server = await startServer({ ...ADMIN, blockedAfterMs: 500 });
    const blocker = await connect(server, "/block?ms=6000");
    await connect(server);
    blocker.send("now");
    await until("it is blocked", async () =>
      (await status(server)).shards.some(({ isBlocked }) => isBlocked),
    );
    const page = await list(server);
    expect([page.rows.length, page.unanswered.length]).toEqual([1, 1]);
  });

  it("shows one connection without its secrets", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server, "/echo?room=1&token=abc", {
      Authorization: "Bearer s3cret",
      Cookie: "session=s3cret",
      "X-Team": "<b>blue</b>",
    });
    client.send("hello");
    await once(client, "message");
    const [row] = (await list(server)).rows;
    const answer = await callAdmin(server, `/api/connections/${row?.id}`);
    expect(answer.text).not.toContain("s3cret");
    const facts = answer.json<ConnectionDetails>();
    expect(facts).toMatchObject({
      state: "open.healthy",
      path: "/echo",
      url: "/echo?room=1&token=(hidden)",
      messagesIn: 1,
      messagesOut: 1,
      bufferedBytes: 0,
      handlersInFlight: 0,
    });
    expect(facts.bytesIn).toBeGreaterThan(100);
    expect(new Map(facts.headers).get("x-team")).toBe("<b>blue</b>");
    expect(new Map(facts.headers).get("authorization")).toBe("(hidden)");
  });

  it("knows no connection that has ended", async () => {
    const server = await startServer(ADMIN);
    const answer = await callAdmin(server, "/api/connections/c999");
    expect(answer.status).toBe(404);
    expect((await callAdmin(server, "/api/connections/x")).status).toBe(400);
  });

  it("closes one connection with a code and a reason, once", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    const closed = once(client, "close");
    const id = (await list(server)).rows[0]?.id;
    const bad = await post(server, `/api/connections/${id}/close`, {
      code: 1006,
    });
    expect(bad.status).toBe(400);
    const done = await post(server, `/api/connections/${id}/close`, {
      code: 4001,
      reason: "by hand",
    });
    expect(done.status).toBe(202);
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4001, "by hand"]);
    const again = await post(server, `/api/connections/${id}/close`);
    expect([404, 409]).toContain(again.status);
  });

  it("tells each transition of a followed connection, in order, to its end", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    const id = (await list(server)).rows[0]?.id;
    const events = await openEvents(server, `/api/connections/${id}/events`);
    expect(await nextEvent(events, "facts")).toMatchObject({ id });
    client.close(1000);
    const told: Transition[] = [];
    do told.push((await nextEvent(events, "transition")) as Transition);
    while (told.at(-1)?.isFinal === false);
    expect(told.map(({ from, event, to }) => [from, event, to])).toEqual([
      ["open.healthy", "peer.closed", "draining.compressingAnswer"],
      ["draining.compressingAnswer", "compressor.idle", "draining.answering"],
      ["draining.answering", "buffer.flushed", "draining.concluding"],
      ["draining.concluding", "socket.closed", "terminated"],
    ]);
    expect(told.at(-1)?.actions).toEqual(["settle(outcome: clean)", "release"]);
    expect((await events.next()).done).toBe(true);
  });

  it("says that a followed connection crashed with its thread", async () => {
    const server = await startServer({ ...ADMIN, workers: 1 });
    const client = await connect(server, "/crash");
    const id = (await list(server)).rows[0]?.id;
    const events = await openEvents(server, `/api/connections/${id}/events`);
    await nextEvent(events, "facts");
    client.send("now");
    expect(await nextEvent(events, "crashed")).toHaveProperty("at");
  });

  it("drains one shard while the other serves, and resumes it", async () => {
    const server = await startServer(ADMIN);
    const clients = [await connect(server), await connect(server)];
    const codes: number[] = [];
    for (const client of clients)
      client.on("close", (code: number) => codes.push(code));
    const started = (
      await post(server, "/api/shards/0/drain")
    ).json<DrainStatus>();
    const done = await until("the drain is done", async () => {
      const drain = await callAdmin(server, `/api/drains/${started.id}`);
      return drain.json<DrainStatus>().report;
    });
    expect(done).toMatchObject({ notified: 1, wasCalledOff: false });
    await until("one client was told", () => codes.length === 1);
    expect(codes).toEqual([1001]);
    const drained = await status(server);
    expect(drained.shards.map(({ state }) => state)).toEqual([
      "serving.suspended",
      "serving.accepting",
    ]);
    expect((await post(server, "/api/shards/0/resume")).status).toBe(200);
    expect((await status(server)).shards[0]?.state).toBe("serving.accepting");
    expect((await post(server, "/api/shards/7/drain")).status).toBe(404);
  });

  it("restarts a shard", async () => {
    const server = await startServer({ ...ADMIN, workers: 1 });
    expect((await post(server, "/api/shards/0/restart")).status).toBe(202);
    await until("it serves again", async () => {
      const [shard] = (await status(server)).shards;
      return shard?.restarts === 1 && shard.state === "serving.accepting";
    });
  });

  it("calls a shutdown off, and says when there is none", async () => {
    const server = await startServer({ ...ADMIN, shutdownDelayMs: 5000 });
    expect((await post(server, "/api/shutdown/call-off")).status).toBe(409);
    expect((await post(server, "/api/shutdown/force")).status).toBe(409);
    await post(server, "/api/shutdown", { reason: "a trial" });
    expect((await status(server)).server).toMatchObject({
      state: "closing.withdrawing",
      shutdown: { reason: "a trial", deadlineMs: expect.any(Number) },
    });
    expect((await post(server, "/api/shards/0/drain")).status).toBe(409);
    expect((await post(server, "/api/shutdown/call-off")).status).toBe(200);
    expect((await status(server)).server).toMatchObject({ state: "listening" });
  });

  it("ends its event streams with the same report that the server gives", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    const events = await openEvents(server, "/api/events");
    await nextEvent(events, "status");
    await post(server, "/api/shutdown", { reason: "the end" });
    let last: Status;
    do last = (await nextEvent(events, "status")) as Status;
    while (last.report === undefined);
    expect(last.server.state).toBe("terminated");
    expect(last.report).toEqual(await server.terminated);
    expect(last.report).toMatchObject({ reason: "the end", opened: 1 });
    expect((await events.next()).done).toBe(true);
  });

  it("keeps a history while somebody looks", async () => {
    const server = await startServer(ADMIN);
    expect((await callAdmin(server, "/api/history")).json()).toEqual([]);
    const events = await openEvents(server, "/api/events");
    await connect(server);
    const sample = (await nextEvent(events, "sample")) as Sample;
    expect(sample.states).toHaveProperty(["open.healthy"]);
    expect(
      (await callAdmin(server, "/api/history")).json<Sample[]>(),
    ).toContainEqual(sample);
  });

  it("follows a connection across a reload, which moves it to another thread", async () => {
    const server = await startServer({
      ...ADMIN,
      workers: 1,
      heartbeatIntervalMs: 0,
      handlers: new URL("movable.ts", import.meta.url),
    });
    const client = await connect(server);
    const events = await openEvents(server, "/api/connections/c1/events");
    expect(await nextEvent(events, "facts")).toMatchObject({ shard: 0 });
    await server.reload();
    const told: string[] = [];
    do told.push(((await nextEvent(events, "transition")) as Transition).to);
    while (told.at(-1) !== "open.healthy");
    expect(told).toEqual(["open.moving", "open.healthy"]);
    const moved = await status(server);
    expect(moved.shards.map(({ shard }) => shard)).toEqual([1]);
    // What was counted is not forgotten with the shard that counted it.
    const metrics = (await callAdmin(server, "/metrics")).text;
    expect(metrics).toContain('sluice_connections_opened_total{shard="0"} 1');
    expect(moved.edges.reduce((sum, taken) => sum + taken, 0)).toBeGreaterThan(
      2,
    );
    client.close();
    while (told.at(-1) !== "terminated")
      told.push(((await nextEvent(events, "transition")) as Transition).to);
    expect((await events.next()).done).toBe(true);
    expect((await list(server, "?shard=1")).matching).toBe(0);
    expect((await callAdmin(server, "/api/connections?shard=0")).status).toBe(
      400,
    );
  });
});
