import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import {
  lookAround,
  nothingLeft,
} from "../../../property-tests/support/remains.ts";
import { channels } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";
import { describeInterplay, OPTIONS, shardsAre, WORKERS } from "./interplay.ts";

describeInterplay({
  "a shard that is restarted": async (scene) => {
    const again = (): Promise<unknown> => scene.server.restartShard(0);
    const promise = again();
    promise.catch(() => {});
    await until("it closes", shardsAre(scene, /closing|draining/));
    return { promise, again };
  },

  "a shard that is restarted and starts": async (scene) => {
    const again = (): Promise<unknown> => scene.server.restartShard(0);
    const promise = again();
    promise.catch(() => {});
    await until("it starts", shardsAre(scene, /starting/));
    return { promise, again };
  },

  "a shard that dies": async ({ clients }) => {
    clients[0]?.send("die");
    return { promise: Promise.resolve() };
  },

  "a shard in back-off": async ({ clients }) => {
    const news = overhear(channels.shard);
    clients[0]?.send("die");
    await news.said({ event: "restarting" });
    return { promise: Promise.resolve() };
  },
});

describe("a shard in back-off", () => {
  it("is not started any more once the server has ended without it", async () => {
    const before = lookAround();
    const server = await startServer({
      ...OPTIONS,
      balance: "least-connections",
      shutdownDeadlineMs: 60_000,
      shutdownDelayMs: 30_000,
    });
    const news = overhear(channels.shard);
    const others: RawClient[] = [];
    for (let count = 0; count < WORKERS; count++)
      others.push(await RawClient.open(server.port));
    // Each death at its start doubles the time that it waits.
    for (const delayMs of [100, 200, 400, 800]) {
      await until(
        "it serves",
        () => server.stats().shards[0]?.state === "serving.accepting",
      );
      // The other one has a connection already.
      if (delayMs > 100) others[0] = await RawClient.open(server.port);
      others[0]?.send("die");
      await news.said({ event: "restarting", shard: 0, delayMs });
    }
    news.clear();
    const report = server.shutdown();
    others[1]?.send("die");
    await within("the report", report);
    await nothingLeft(before);
    expect(news.messages.map(({ event }) => event)).not.toContain("started");
  });
});

describe("a shard in back-off, as it is said to wait", () => {
  it.each([
    ["a shutdown", (server: TestServer) => [server.shutdown()]],
    [
      "a restart and a shutdown",
      (server: TestServer) => [server.restartShard(0), server.shutdown()],
    ],
    [
      "a shutdown, a restart that is refused, and an end at once",
      (server: TestServer) => {
        const asked = [server.shutdown(), server.restartShard(0)];
        server.force();
        return asked;
      },
    ],
  ])(
    "ends with the server when %s is asked for, and nobody waits for it",
    async (_what, ask) => {
      const before = lookAround();
      const server = await startServer({
        ...OPTIONS,
        balance: "least-connections",
      });
      const asked = Promise.withResolvers<readonly Promise<unknown>[]>();
      const hear = (message: unknown): void => {
        const { event, shard } = message as Record<string, unknown>;
        if (event !== "restarting" || shard !== 0) return;
        unsubscribe(channels.shard, hear);
        asked.resolve(ask(server));
      };
      subscribe(channels.shard, hear);
      const client = await RawClient.open(server.port);
      // Of the other shard, which has time until the deadline for it.
      const other = await RawClient.open(server.port);
      other.send("hang");
      client.send("die");
      const all = await within("what was asked", asked.promise);
      const news = overhear(channels.shard);
      await within("all of it", Promise.allSettled(all));
      const report = await within("the end", server.terminated);
      expect(report).toMatchObject({
        balanced: true,
        outcomes: { crashed: 1 },
      });
      await nothingLeft(before);
      expect(news.messages.map(({ event }) => event)).not.toContain("started");
    },
  );
});
