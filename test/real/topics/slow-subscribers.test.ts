import { describe, expect, it } from "vitest";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "./member.ts";

/** Far more than the kernel buffers for a peer that does not read. */
const flood = {
  do: "flood",
  topic: "news",
  count: 400,
  bytes: 60_000,
} as const;
const options = {
  workers: 2,
  balance: "round-robin",
  handlers: TOPIC_SERVICE,
  highWaterMarkBytes: 100_000,
  lowWaterMarkBytes: 50_000,
  maxPayloadBytes: 100_000,
  maxBufferedBytes: 1_000_000,
  maxPublishBacklogBytes: 64 * 2 ** 20,
} as const;

describe.each(["same", "other"])(
  "a slow subscriber on the %s shard",
  (which) => {
    /** The publisher, a slow subscriber where it is wanted, and one that reads. */
    async function meet(
      port: number,
      whenCongested: "close" | "drop",
    ): Promise<{ ann: Member; slow: Member; bob: Member }> {
      const ann = await Member.join(port);
      const others = [
        await Member.join(port),
        await Member.join(port),
      ] as const;
      const [slow, bob] =
        which === "other" ? others : ([others[1], others[0]] as const);
      await slow.order({ do: "subscribe", topic: "news", whenCongested });
      await bob.order({ do: "subscribe", topic: "news" });
      return { ann, slow, bob };
    }

    it("is left out and told, where its subscription says so, and delays nobody", async () => {
      const server = await startServer({
        ...options,
        maxBufferedBytes: 2 ** 26,
      });
      const { ann, slow, bob } = await meet(server.port, "drop");
      slow.client.socket.pause();
      await ann.order(flood);
      expect(await bob.hearsAll(400)).toHaveLength(400);
      slow.client.socket.resume();
      const heard: string[] = [];
      while (!heard.at(-1)?.startsWith("dropped "))
        heard.push(await slow.hears());
      const missed = JSON.parse(
        (heard.pop() as string).slice("dropped ".length),
      ) as { topic: string; messages: number }[];
      expect(missed).toEqual([{ topic: "news", messages: 400 - heard.length }]);
      expect(missed[0]?.messages).toBeGreaterThan(0);
      expect(await slow.order({ do: "topics" })).toMatchObject({
        dropped: missed[0]?.messages,
      });
      const { shards } = server.stats();
      expect(
        shards.reduce((sum, { messagesDropped }) => sum + messagesDropped, 0),
      ).toBe(missed[0]?.messages);
    });

    it("is closed with 1013 otherwise, and delays nobody", async () => {
      const server = await startServer(options);
      const { ann, slow, bob } = await meet(server.port, "close");
      slow.client.socket.pause();
      // More than the readers' own bound goes out, but never at once: who reads
      // has heard all that went before, however busy the machine is.
      await ann.order({ ...flood, do: "pace", bytes: 2_000, count: 100 });
      expect(await bob.hearsAll(100)).toHaveLength(100);
      for (let round = 0; round < 40; round++) {
        await ann.order({ ...flood, count: 8 });
        expect(await bob.hearsAll(8)).toHaveLength(8);
      }
      await until(
        "the slow one is told to go",
        () => server.stats().states["open.healthy"] === 2,
      );
      slow.client.socket.resume();
      expect((await slow.client.closeFrame()).code).toBe(1013);
    });
  },
);

describe("subscribers of every kind", () => {
  it("get the same messages over permessage-deflate", async () => {
    const { port } = await startServer({ ...options, compression: true });
    const { WebSocket } = await import("ws");
    const plain = await Member.join(port, "news");
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const heard: string[] = [];
    const all = Promise.withResolvers<void>();
    socket.on("message", (data: Buffer) => {
      heard.push(data.toString());
      if (heard.length === 51) all.resolve();
    });
    await new Promise((resolve) => socket.on("open", resolve));
    expect(socket.extensions).toContain("permessage-deflate");
    socket.send(JSON.stringify({ do: "subscribe", topic: "news" }));
    await until("the answer", () => heard.length === 1);
    const ann = await Member.join(port);
    await ann.order({ ...flood, count: 50, bytes: 2_000 });
    await all.promise;
    expect(heard.slice(1)).toEqual(await plain.hearsAll(50));
    socket.terminate();
  });
});
