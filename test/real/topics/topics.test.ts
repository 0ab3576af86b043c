import { describe, expect, it } from "vitest";
import { OPCODE } from "../../../src/testing/frame-codec.ts";
import { startServer } from "../../support/server.ts";
import { Member, TOPIC_SERVICE } from "./member.ts";

/** Round-robin, so that each client is on the other shard than the one before it. */
const twoShards = {
  workers: 2,
  balance: "round-robin",
  handlers: TOPIC_SERVICE,
} as const;

describe.each([1, 2])("topics on %i shard(s)", (workers) => {
  const options = { ...twoShards, workers };

  it("carry a message to every subscriber but the one who publishes", async () => {
    const { port } = await startServer(options);
    const members = await Promise.all(
      Array.from({ length: 6 }, () => Member.join(port, "news")),
    );
    const [ann, ...others] = members as [Member, ...Member[]];
    const status = await ann.order({ do: "publish", topic: "news", text: "a" });
    expect(status).toBe("sent");
    for (const other of others) expect(await other.hears()).toBe("a");
    await ann.order({
      do: "publish",
      topic: "news",
      text: "to all",
      includeSelf: true,
    });
    for (const member of members) expect(await member.hears()).toBe("to all");
  });

  it("reach nobody who has unsubscribed", async () => {
    const { port } = await startServer(options);
    const ann = await Member.join(port);
    const bob = await Member.join(port, "a", "b");
    expect(await bob.order({ do: "unsubscribe", topic: "a" })).toBe(true);
    expect(await bob.order({ do: "unsubscribe", topic: "a" })).toBe(false);
    await ann.order({ do: "publish", topic: "a", text: "not for bob" });
    await ann.order({ do: "publish", topic: "b", text: "for bob" });
    expect(await bob.hears()).toBe("for bob");
    expect(await bob.order({ do: "topics" })).toMatchObject({ topics: ["b"] });
  });

  it("can be published to from outside of a connection, on a shard and in main", async () => {
    const server = await startServer(options);
    const ann = await Member.join(server.port, "news");
    const bob = await Member.join(server.port, "news");
    await ann.order({ do: "announce", topic: "news", text: "from a shard" });
    expect(await ann.hears()).toBe("from a shard");
    expect(await bob.hears()).toBe("from a shard");
    expect(server.publish("news", "from main")).toBe("sent");
    expect(await ann.hears()).toBe("from main");
    expect(await bob.hears()).toBe("from main");
  });

  it("carry bytes as binary messages, of every length that frames differ by", async () => {
    const server = await startServer(options);
    const bob = await Member.join(server.port, "binary");
    const ann = await Member.join(server.port);
    for (const length of [0, 1, 125, 126, 9_000, 65_535, 65_536, 500_000]) {
      const bytes = Buffer.alloc(length, "sluice ");
      ann.client.send(bytes);
      const frame = await bob.client.next();
      expect(frame?.opcode).toBe(OPCODE.binary);
      expect(frame?.payload.equals(bytes)).toBe(true);
    }
  });

  it("keep the order of one publisher, small and large, over many turns", async () => {
    const server = await startServer(options);
    const bob = await Member.join(server.port, "news");
    const ann = await Member.join(server.port);
    const statuses = await ann.order({
      do: "pace",
      topic: "news",
      count: 3_000,
      bytes: 3_000,
    });
    expect(statuses).not.toHaveProperty("refused");
    const heard = await bob.hearsAll(3_000);
    expect(heard.map((text) => Number.parseInt(text, 10))).toEqual(
      heard.map((_, index) => index),
    );
  });

  it("end with the connection", async () => {
    const server = await startServer(options);
    const bob = await Member.join(server.port, "news");
    const ann = await Member.join(server.port, "news");
    bob.client.sendClose();
    await bob.client.closed();
    await ann.order({ do: "publish", topic: "news", text: "bob is gone" });
    const eve = await Member.join(server.port, "news");
    await eve.order({ do: "publish", topic: "news", text: "hi" });
    expect(await ann.hears()).toBe("hi");
  });
});

describe("the limits of topics", () => {
  it("are refused with a named error that says the limit", async () => {
    const { port } = await startServer({
      ...twoShards,
      maxTopicLengthBytes: 8,
      maxTopicsPerConnection: 2,
      maxPayloadBytes: 100,
    });
    const ann = await Member.join(port, "one", "two");
    const subscribe = (topic: string): Promise<unknown> =>
      ann.order({ do: "subscribe", topic });
    expect(await subscribe("ninebytes")).toMatchObject({
      code: "ERR_SLUICE_TOPIC",
      message: expect.stringContaining("1 to 8 bytes (maxTopicLengthBytes)"),
    });
    expect(await subscribe("")).toMatchObject({ code: "ERR_SLUICE_TOPIC" });
    expect(await subscribe("\u0000one")).toMatchObject({
      code: "ERR_SLUICE_TOPIC",
    });
    expect(await subscribe("three")).toMatchObject({
      code: "ERR_SLUICE_TOPIC_LIMIT",
      message: expect.stringContaining("2 (maxTopicsPerConnection)"),
    });
    // One that it has already is none more.
    expect(await subscribe("one")).toBe(true);
    expect(
      await ann.order({ do: "flood", topic: "one", count: 1, bytes: 101 }),
    ).toMatchObject({
      code: "ERR_SLUICE_PAYLOAD",
      message: expect.stringContaining("at most 100 (maxPayloadBytes)"),
    });
  });

  it("hold for counting and watching too: the caller is told, and the server goes on", async () => {
    const server = await startServer(twoShards);
    const ann = await Member.join(server.port, "news");
    for (const topic of ["x".repeat(300), "", "\u0000news"]) {
      const refused = { code: "ERR_SLUICE_TOPIC" };
      expect(await ann.order({ do: "count", topic })).toMatchObject(refused);
      expect(await ann.order({ do: "watch", topic })).toMatchObject(refused);
      await expect(server.subscribers(topic)).rejects.toMatchObject(refused);
    }
    expect(await ann.order({ do: "count", topic: "news" })).toMatchObject({
      here: 1,
      isComplete: true,
    });
  });

  it("refuse what one turn publishes over the bound, and take more in the next", async () => {
    const { port } = await startServer({
      ...twoShards,
      maxPayloadBytes: 1_000,
      maxPublishBacklogBytes: 100_000,
    });
    const ann = await Member.join(port);
    const bob = await Member.join(port, "news");
    const flood = {
      do: "flood",
      topic: "news",
      count: 150,
      bytes: 900,
    } as const;
    const statuses = (await ann.order(flood)) as Record<string, number>;
    const taken = (statuses["sent"] ?? 0) + (statuses["congested"] ?? 0);
    expect(statuses["refused"]).toBeGreaterThan(30);
    expect(statuses["congested"]).toBeGreaterThan(30);
    expect(taken + (statuses["refused"] ?? 0)).toBe(150);
    const heard = await bob.hearsAll(taken);
    expect(heard.map((text) => Number.parseInt(text, 10))).toEqual(
      heard.map((_, index) => index),
    );
    const paced = { ...flood, do: "pace" } as const;
    const later = await ann.order(paced);
    expect(later).not.toHaveProperty("refused");
    expect(await bob.hearsAll(150)).toHaveLength(150);
  });
});
