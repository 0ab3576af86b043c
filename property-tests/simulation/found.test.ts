import { describe, expect, it, vi } from "vitest";
import { type Client, type Scene, simulate } from "../../src/testing/index.ts";
import { createService } from "./service.ts";

/** Somebody on each of three shards. */
interface Three {
  /** Subscribes to the topic `a`. */
  readonly traveller: Client;
  readonly from: number;
  /** Where the traveller moves to, as it has the fewest. */
  readonly to: number;
  /** The only one there. */
  readonly host: Client;
  /** On the third shard. */
  readonly publisher: Client;
}

async function openThree({ open, server, time }: Scene): Promise<Three> {
  const loads = (): number[] =>
    server.stats().shards.map(({ connections }) => connections);
  const openSomewhere = async (): Promise<readonly [Client, number]> => {
    const before = loads();
    const client = await open("/");
    return [client, loads().findIndex((load, at) => load !== before[at])];
  };
  const [traveller, from] = await openSomewhere();
  const [host, to] = await openSomewhere();
  const [publisher, third] = await openSomewhere();
  while ((loads()[third] ?? 0) <= (loads()[to] ?? 0)) {
    const [extra, at] = await openSomewhere();
    if (at === third) continue;
    extra.close();
    await extra.closed();
  }
  traveller.send("sub a");
  await time.advance(20);
  return { traveller, from, to, host, publisher };
}

function newsOf({ texts }: Client): number {
  return texts.filter((text) => text.startsWith("news a")).length;
}

/** What random lives have found, each as the shortest story that shows it. */
describe("found by random lives, and mended", () => {
  it("a reload that is given up leaves no timer behind", async () => {
    const { report } = await simulate(
      { handlers: createService, shards: 2, seeds: 5 },
      async ({ server }) => {
        const reload = server.reload();
        const shutdown = server.shutdown();
        await expect(reload).rejects.toThrow("the old version stays");
        await shutdown;
      },
    );
    expect(report.balanced).toBe(true);
  });

  it("whoever drains everything during a reload can undo it for the new shards too", async () => {
    await simulate(
      { handlers: createService, shards: 2, seeds: 5 },
      async ({ server, open }) => {
        const reload = server.reload();
        await server.drain({ deadlineMs: 400 }).done;
        server.resume();
        await reload;
        const states = server.stats().shards.map(({ state }) => state);
        expect(states).toEqual(["serving.accepting", "serving.accepting"]);
        const client = await open("/");
        client.send("hello");
        expect(await client.next()).toBe("heard hello 1");
      },
    );
  });

  it("a shutdown while a new process starts leaves no timer behind", async () => {
    await simulate(
      { handlers: createService, seeds: 5 },
      async ({ server, time }) => {
        const upgrade = server.upgrade();
        await time.advance(5);
        const shutdown = server.shutdown();
        await expect(upgrade).rejects.toThrow("asked to stop");
        await shutdown;
      },
    );
  });

  it("who comes back from a process that failed keeps its number to itself", async () => {
    await simulate(
      {
        handlers: createService,
        shards: 2,
        seeds: 10,
        server: { trialMs: 400 },
      },
      async ({ server, open, instances, time }) => {
        const upgrade = server.upgrade();
        // Both listen while the new one is on trial, and number whom they accept.
        await time.advance(200);
        const [, second] = instances[0]?.processes ?? [];
        const early = await Promise.all(
          Array.from({ length: 6 }, () => open("/")),
        );
        second?.shards[0]?.crash();
        await expect(upgrade).rejects.toThrow("this process stays");
        const again = server.upgrade();
        await time.advance(200);
        const late = await Promise.all(
          Array.from({ length: 6 }, () => open("/")),
        );
        await again;
        for (const client of [...early, ...late].filter(({ isOpen }) => isOpen))
          client.send("hello");
        await time.advance(500);
      },
    );
  });

  it("an instance that ends while NATS does not answer prints nothing", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await simulate(
      { handlers: createService, instances: 2, seeds: 3 },
      async ({ cluster, server }) => {
        cluster.cut(0);
        await server.shutdown({ deadlineMs: 2_000 });
      },
    );
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it("shutdowns that are called off during a reload, twice, leave a server that serves", async () => {
    await simulate(
      { handlers: createService, shards: 2, seeds: 5 },
      async ({ server, open, time }) => {
        for (const pauseMs of [5, 40]) {
          const reload = server.reload();
          await time.advance(pauseMs);
          const shutdown = server.shutdown();
          expect(server.callOff()).toBe(true);
          await expect(shutdown).rejects.toThrow("called off");
          await reload.then(
            () => {},
            () => {},
          );
        }
        const states = server.stats().shards.map(({ state }) => state);
        expect(states).toEqual(["serving.accepting", "serving.accepting"]);
        const client = await open("/");
        client.send("hello");
        expect(await client.next()).toBe("heard hello 1");
      },
    );
  });

  it("a shutdown that is called off while a reload is on trial leaves the old version, which reloads again", async () => {
    let versions = 0;
    await simulate(
      {
        handlers: () => {
          const version = ++versions;
          return {
            message: (connection) => void connection.send(`version ${version}`),
            resume() {},
          };
        },
        seeds: 5,
        server: { trialMs: 400 },
      },
      async ({ server, open, time }) => {
        const old = versions;
        const reload = server.reload();
        await time.until(() => versions === old + 1);
        await time.advance(100);
        const shutdown = server.shutdown();
        expect(server.callOff()).toBe(true);
        await expect(shutdown).rejects.toThrow("called off");
        await expect(reload).rejects.toThrow("the old version stays");
        const client = await open("/");
        client.send("which");
        expect(await client.next()).toBe(`version ${old}`);
        await server.reload();
        client.send("which");
        expect(await client.next()).toBe(`version ${old + 2}`);
      },
    );
  });

  it("a shard that crashes while a shutdown waits is replaced when that is called off", async () => {
    await simulate(
      {
        handlers: createService,
        shards: 2,
        seeds: 5,
        server: { shutdownDelayMs: 200 },
      },
      async ({ server, shards, time }) => {
        const shutdown = server.shutdown();
        await time.advance(50);
        shards[0]?.crash();
        await time.advance(20);
        expect(server.callOff()).toBe(true);
        await expect(shutdown).rejects.toThrow("called off");
        await time.until(() =>
          server
            .stats()
            .shards.every(({ state }) => state === "serving.accepting"),
        );
      },
    );
  });

  it("who moves to a shard that stands still hears nothing twice", async () => {
    await simulate(
      { handlers: createService, shards: 3, seeds: 5 },
      async (scene) => {
        const { server, shards, time } = scene;
        const { traveller, from, to, host, publisher } = await openThree(scene);
        host.send("sub a");
        await time.advance(20);
        shards[to]?.block(300);
        publisher.send("pub a");
        await time.until(() => newsOf(traveller) === 1);
        await server.drain({ shard: from, move: true }).done;
        await time.advance(500);
        expect(server.stats().shards[from]?.connections).toBe(0);
        expect(newsOf(traveller)).toBe(1);
      },
    );
  });

  it("who waits for a shard that stands still misses what is published meanwhile, and no more", async () => {
    await simulate(
      { handlers: createService, shards: 3, seeds: 5 },
      async (scene) => {
        const { server, shards, time } = scene;
        const { traveller, from, to, publisher } = await openThree(scene);
        shards[to]?.block(300);
        const moved = server.drain({ shard: from, move: true });
        const connections = (): number | undefined =>
          server.stats().shards[from]?.connections;
        await time.until(() => connections() === 0);
        publisher.send("pub a");
        await time.advance(20);
        await moved.done;
        publisher.send("pub a");
        await time.advance(200);
        expect(newsOf(traveller)).toBe(1);
      },
    );
  });

  it("who is sent too much as it opens is sent no more than one message too much", async () => {
    const taken: number[] = [];
    await simulate(
      {
        handlers: () => ({
          opened(connection) {
            const statuses = Array.from({ length: 20 }, () =>
              connection.send("x".repeat(4_000)),
            );
            taken.push(statuses.filter((each) => each !== "closed").length);
          },
        }),
        server: {
          lowWaterMarkBytes: 4_000,
          highWaterMarkBytes: 16_000,
          maxBufferedBytes: 40_000,
          maxPayloadBytes: 8_000,
        },
      },
      async ({ open }) => {
        const client = await open("/");
        expect(await client.closed()).toMatchObject({ code: 1013 });
        expect(client.texts).toHaveLength(10);
      },
    );
    expect(taken).toEqual([10]);
  });

  it("a handler whose client has gone is not cut by an orderly end", async () => {
    const { report } = await simulate(
      { handlers: createService },
      async ({ open, server, time }) => {
        const client = await open("/");
        client.send("slow 250");
        await time.advance(20);
        client.reset();
        await time.advance(20);
        await server.shutdown();
      },
    );
    expect(report.outcomes.lost).toBe(1);
  });
});
