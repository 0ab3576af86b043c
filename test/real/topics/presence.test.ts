import { expect, it } from "vitest";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "./member.ts";

const twoShards = {
  workers: 2,
  balance: "round-robin",
  handlers: TOPIC_SERVICE,
} as const;

it("counts the subscribers of a topic on every shard, asked on a shard or in main", async () => {
  const server = await startServer(twoShards);
  const [ann] = [
    await Member.join(server.port, "news"),
    await Member.join(server.port, "news"),
    await Member.join(server.port, "news", "weather"),
  ];
  const three = { here: 3, cluster: 3, isComplete: true };
  expect(await ann.order({ do: "count", topic: "news" })).toEqual(three);
  expect(await server.subscribers("news")).toEqual(three);
  expect(await server.subscribers("weather")).toMatchObject({ here: 1 });
  expect(await server.subscribers("nobody's")).toMatchObject({ here: 0 });
});

it("tells those who ask of joins and leaves, whichever shard they are on", async () => {
  const server = await startServer(twoShards);
  const inMain: string[] = [];
  const stop = server.watch("news", ({ type, connection, instance }) => {
    expect(instance).toBe(server.instance);
    inMain.push(`${connection} ${type}`);
  });
  const watcher = await Member.join(server.port);
  await watcher.order({ do: "watch", topic: "news" });
  const ids: string[] = [];
  for (let i = 0; i < 2; i++) {
    const bob = await Member.join(server.port, "weather", "news");
    const { id } = (await bob.order({ do: "topics" })) as { id: string };
    expect(await watcher.hears()).toBe(`${id} joined news`);
    if (i === 0) await bob.order({ do: "unsubscribe", topic: "news" });
    else bob.client.destroy();
    expect(await watcher.hears()).toBe(`${id} left news`);
    ids.push(id);
  }
  await until("main has heard all", () => inMain.length === 4);
  // The two are on different shards, whose words may pass each other.
  for (const id of ids)
    expect(inMain.filter((said) => said.startsWith(`${id} `))).toEqual([
      `${id} joined`,
      `${id} left`,
    ]);
  stop();
  const eve = await Member.join(server.port, "news");
  expect(await watcher.hears()).toMatch(/joined news$/);
  await eve.order({ do: "unsubscribe", topic: "news" });
  expect(await watcher.hears()).toMatch(/left news$/);
  expect(inMain).toHaveLength(4);
});

it("goes on after a shard was replaced", async () => {
  const server = await startServer(twoShards);
  const first = [
    await Member.join(server.port, "news"),
    await Member.join(server.port, "news"),
  ];
  const gone = first.map((member) => member.client.closed());
  const restarted = Promise.all([
    server.restartShard(0),
    server.restartShard(1),
  ]);
  await Promise.all(gone);
  await restarted;
  expect(await server.subscribers("news")).toMatchObject({ here: 0 });
  const ann = await Member.join(server.port, "news");
  const bob = await Member.join(server.port, "news");
  await ann.order({ do: "publish", topic: "news", text: "hello" });
  expect(await bob.hears()).toBe("hello");
  await bob.order({ do: "publish", topic: "news", text: "hello yourself" });
  expect(await ann.hears()).toBe("hello yourself");
});
