import { describe, expect, it } from "vitest";
import { live, openMany, retryAfterMs } from "../../support/crowd.ts";
import { RawClient } from "../../support/raw-client.ts";
import { type TestServer, startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

async function echo(client: RawClient, text: string): Promise<string> {
  client.send(text);
  return await client.message();
}

function states(server: TestServer): string[] {
  return server.stats().shards.map(({ state }) => state);
}

describe("balancing", () => {
  it("gives the shards equally many, counting those on their way", async () => {
    const server = await startServer({ workers: 3 });
    await openMany(server.port, 99);
    await until("all are open", () => server.stats().connections === 99);
    expect(server.stats().shards.map(({ connections }) => connections)).toEqual(
      [33, 33, 33],
    );
  });
});

describe("a drain", () => {
  it("of one shard tells its connections, leaves the others, and takes no new ones", async () => {
    const server = await startServer({ workers: 2, balance: "round-robin" });
    const clients = await openMany(server.port, 20);
    let left = 0;
    const kept: RawClient[] = [];
    for (const client of clients)
      void live(client).then((leave) => {
        if (leave?.code === 1001) left++;
        else kept.push(client);
      });
    const report = await within("it", server.drain({ shard: 0 }).done);
    expect(report).toMatchObject({ notified: 10, wasCalledOff: false });
    await until("they have gone", () => left === 10);
    expect(server.state).toBe("listening");
    expect(states(server)).toEqual(["serving.suspended", "serving.accepting"]);
    const next = await openMany(server.port, 4);
    await until("they are open", () => server.stats().connections === 14);
    expect(server.stats().shards.map(({ connections }) => connections)).toEqual(
      [0, 14],
    );
    expect(await echo(next[0] as RawClient, "served")).toBe("served");
    server.resume(0);
    await openMany(server.port, 4);
    await until(
      "both take connections",
      () => (server.stats().shards[0]?.connections ?? 0) > 0,
    );
    expect(kept).toEqual([]);
  });

  it("of everything stops accepting until it is resumed", async () => {
    const server = await startServer({ workers: 2 });
    const leaves = (await openMany(server.port, 10)).map((each) => live(each));
    expect(await server.drain().done).toMatchObject({ notified: 10 });
    expect((await Promise.all(leaves)).every(Boolean)).toBe(true);
    await expect(RawClient.connect(server.port)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    // To and fro in one turn: the last word counts.
    server.resume();
    const again = server.drain();
    await again.done;
    await expect(RawClient.connect(server.port)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    server.resume();
    server.resume(1);
    const client = await until("it accepts", () =>
      RawClient.open(server.port).catch(() => undefined),
    );
    expect(await echo(client, "resumed")).toBe("resumed");
  });

  it("of a path prefix tells only those on it", async () => {
    const server = await startServer({ workers: 2 });
    const chats = await openMany(server.port, 4, "/echo/chat");
    const others = await openMany(server.port, 4, "/echo");
    const leaves = chats.map((client) => live(client));
    const { done } = server.drain({ pathPrefix: "/echo/chat" });
    const told = await Promise.all(leaves);
    expect(told.map((leave) => leave?.code)).toEqual([1001, 1001, 1001, 1001]);
    expect(
      new Set(told.map((leave) => retryAfterMs(leave?.reason ?? ""))).size,
    ).toBe(4);
    expect(await done).toMatchObject({ notified: 4 });
    for (const client of others) expect(await echo(client, "?")).toBe("?");
    expect(states(server)).toEqual(["serving.accepting", "serving.accepting"]);
  });

  it("of those older than an age spares the young", async () => {
    const server = await startServer();
    const [old] = (await openMany(server.port, 1)) as [RawClient];
    const openedAt = performance.now();
    await until("it has aged", () => performance.now() - openedAt > 1_000);
    const young = await RawClient.open(server.port);
    const leave = live(old);
    const { done } = server.drain({ olderThanMs: 1_000 });
    expect(await leave).toMatchObject({ code: 1001 });
    expect(await done).toMatchObject({ notified: 1 });
    expect(await echo(young, "young")).toBe("young");
  });

  it("forces at its own deadline who does not answer", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port);
    const { done } = server.drain({ deadlineMs: 300 });
    await client.closeFrame();
    expect(await within("it", done)).toMatchObject({ notified: 1 });
    await within("the end of TCP", client.ended);
    expect(server.stats().ledger.outcomes.unacknowledged).toBe(1);
  });

  it("that is called off leaves those not yet told, and accepts again", async () => {
    const server = await startServer({ closeRate: 4 });
    const clients = await openMany(server.port, 20);
    const leaves = clients.map((client) => live(client));
    const drain = server.drain({ deadlineMs: 60_000 });
    await within("the first", Promise.race(leaves));
    drain.callOff();
    drain.callOff();
    const { notified: told, wasCalledOff } = await within("it", drain.done);
    expect(wasCalledOff).toBe(true);
    expect(told).toBeLessThan(20);
    expect(server.stats().connections).toBe(20 - told);
    const next = await until("it accepts", () =>
      RawClient.open(server.port).catch(() => undefined),
    );
    expect(await echo(next, "again")).toBe("again");
  });

  it("ends when its shard is gone", async () => {
    const server = await startServer({ workers: 2, closeRate: 1 });
    const killer = await RawClient.open(server.port, "/crash");
    for (const client of await openMany(server.port, 20)) void live(client);
    const drain = server.drain({ pathPrefix: "/echo", deadlineMs: 60_000 });
    killer.send("now");
    await within("the crash", killer.ended);
    drain.callOff();
    expect(await within("it", drain.done)).toMatchObject({
      wasCalledOff: true,
    });
  });

  it("is refused by a server that does not listen, and for a shard that is not there", async () => {
    const server = await startServer();
    expect(() => server.drain({ shard: 1 })).toThrow("there is no shard 1");
    await expect(server.restartShard(7)).rejects.toMatchObject({
      code: "ERR_SLUICE_STATE",
    });
    await server.shutdown();
    expect(() => server.drain()).toThrow("terminated");
    await expect(server.restartShard(0)).rejects.toMatchObject({
      code: "ERR_SLUICE_STATE",
    });
  });

  it("is overtaken by a shutdown", async () => {
    const server = await startServer({ closeRate: 1 });
    const leaves = (await openMany(server.port, 20)).map((each) => live(each));
    const { done } = server.drain({ deadlineMs: 60_000 });
    const report = await server.shutdown({ deadlineMs: 2_000 });
    expect(report).toMatchObject({ outcomes: { clean: 20 }, balanced: true });
    expect((await Promise.all(leaves)).every(Boolean)).toBe(true);
    await within("the drain", done);
  });
});

describe("restarting a shard", () => {
  it("closes its connections properly, and it serves again in a new thread", async () => {
    const server = await startServer({ workers: 2, balance: "round-robin" });
    const clients = await openMany(server.port, 10);
    let told = 0;
    for (const client of clients)
      void live(client).then((leave) => {
        if (leave?.code === 1001) told++;
      });
    await within("the restart", server.restartShard(1));
    await until("its connections have gone", () => told === 5);
    expect(states(server)).toEqual(["serving.accepting", "serving.accepting"]);
    const { restarts, connections } = server.stats().shards[1] ?? {};
    expect({ restarts, connections }).toEqual({ restarts: 1, connections: 0 });
    expect(server.stats().shards[0]).toMatchObject({
      restarts: 0,
      connections: 5,
    });
    await openMany(server.port, 4);
    await until("they are open", () => server.stats().connections === 9);
    expect(await server.shutdown({ deadlineMs: 500 })).toMatchObject({
      shardsCrashed: 0,
      balanced: true,
    });
  });

  it("asked for twice is done once for both, and by a shutdown not at all", async () => {
    const server = await startServer({ workers: 2 });
    const both = Promise.all([server.restartShard(0), server.restartShard(0)]);
    await within("both", both);
    expect(server.stats().shards[0]?.restarts).toBe(1);
    const client = await RawClient.open(server.port);
    const [shard] = server
      .stats()
      .shards.filter(({ connections }) => connections === 1)
      .map((each) => each.shard);
    const restart = server.restartShard(shard ?? 0);
    const refusal = restart.then(
      () => undefined,
      (error: unknown) => error,
    );
    await client.closeFrame();
    const report = server.shutdown({ deadlineMs: 400 });
    expect(await within("the refusal", refusal)).toMatchObject({
      code: "ERR_SLUICE_STATE",
    });
    expect((await report).balanced).toBe(true);
  });
});
