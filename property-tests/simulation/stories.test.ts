import { describe, expect, it } from "vitest";
import { defineHandlers, type HandlerShard } from "../../src/handlers.ts";
import { simulate } from "../../src/testing/index.ts";
import { makeScene, type Scene } from "../../src/testing/scene.ts";
import { World } from "../../src/testing/simulation/world.ts";

const SEEDS = 5;
/** More than a wire holds, and less than what makes a connection congested. */
const OVERFLOW = { messages: 17, bytes: 4_000 } as const;

/** Answers, and does what few services do. */
function createService(shards: HandlerShard[] = []) {
  return () =>
    defineHandlers({
      started(shard) {
        shards.push(shard);
      },
      resume() {},
      async message(connection, data) {
        switch (data.toString()) {
          case "chatter":
            for (;;) {
              await new Promise((resolve) => setTimeout(resolve, 20));
              if (connection.send("news") === "closed") return;
            }
          case "overflow":
            for (let count = 0; count < OVERFLOW.messages; count++)
              connection.send(`${count}`.padEnd(OVERFLOW.bytes, "."));
            return;
          case "subscribe":
            connection.subscribe("room");
            connection.send("subscribed");
            return;
          default:
            connection.send(`heard ${data.toString()}`);
        }
      },
    });
}

/** The shard that has the only connection there is. */
function home({ server }: Scene): number {
  const { shards } = server.stats();
  const at = shards.find(({ connections }) => connections > 0);
  if (at === undefined) throw new Error("nobody is connected");
  return at.shard;
}

/** Moves the only connection there is to another shard. */
async function moveAway(scene: Scene, deadlineMs = 1_000): Promise<void> {
  const from = home(scene);
  await scene.server.drain({ shard: from, move: true, deadlineMs }).done;
  expect(home(scene)).not.toBe(from);
  scene.server.resume();
}

function stateOf({ server }: Scene): string | undefined {
  const { states } = server.stats();
  return Object.keys(states).find((name) => (states[name] ?? 0) > 0);
}

describe("the heartbeat, in simulation", () => {
  it("hears nothing from a peer that it only writes to", async () => {
    await simulate(
      {
        handlers: createService(),
        seeds: SEEDS,
        server: { heartbeatIntervalMs: 500, pongDeadlineMs: 200 },
      },
      async ({ open, time }) => {
        const client = await open("/");
        client.send("chatter");
        await client.next();
        client.mute();
        const since = time.now;
        expect(await client.closed()).toMatchObject({ code: 1006 });
        // Between two visits, and the pong's deadline behind the second.
        expect(time.now - since).toBeLessThan(500 + 500 + 200);
      },
    );
  });

  it("goes on waiting for a pong where the peer has moved", async () => {
    await simulate(
      {
        handlers: createService(),
        shards: 2,
        seeds: SEEDS,
        server: { heartbeatIntervalMs: 20_000, pongDeadlineMs: 2_000 },
      },
      async (scene) => {
        const { open, time } = scene;
        const client = await open("/");
        client.mute();
        await time.until(() => stateOf(scene) === "open.probing");
        await moveAway(scene);
        const since = time.now;
        expect(await client.closed()).toMatchObject({ code: 1006 });
        expect(time.now - since).toBeLessThan(2_500);
      },
    );
  });
});

describe("a connection that moves, in simulation", () => {
  it("takes along what it may still say in this second", async () => {
    await simulate(
      {
        handlers: createService(),
        shards: 2,
        seeds: SEEDS,
        server: { maxMessagesPerSecond: 3 },
      },
      async (scene) => {
        const client = await scene.open("/");
        for (const text of ["1", "2", "3"]) client.send(text);
        for (const text of ["1", "2", "3"])
          expect(await client.next()).toBe(`heard ${text}`);
        await moveAway(scene);
        client.send("4");
        expect(await client.closed()).toMatchObject({ code: 1008 });
      },
    );
  });

  it("leaves when everything that it was sent is with the kernel, and not before", async () => {
    await simulate(
      { handlers: createService(), shards: 2, seeds: SEEDS },
      async (scene) => {
        const { open, network, time, server } = scene;
        const client = await open("/");
        const from = home(scene);
        client.send("overflow");
        await time.until(() => server.stats().shards[from]?.messagesIn === 1);
        network.hold();
        await time.until(
          () => server.stats().shards[from]?.messagesOut === OVERFLOW.messages,
        );
        const moved = moveAway(scene, 5_000);
        await time.advance(200);
        expect(home(scene)).toBe(from);
        network.release();
        await moved;
        for (let count = 0; count < OVERFLOW.messages; count++)
          expect(await client.next()).toMatch(new RegExp(`^${count}\\.`));
      },
    );
  });

  it("finds room on a shard whose last thread has died with moves on their way to it", async () => {
    await simulate(
      { handlers: createService(), shards: 2, seeds: SEEDS },
      async ({ server, time, open, shards }) => {
        for (let count = 0; count < 24; count++) await open("/");
        shards[1]?.block(10_000);
        const drain = server.drain({ shard: 0, move: true, deadlineMs: 2_000 });
        await time.advance(300);
        shards[1]?.crash();
        await drain.done;
        const [from, to] = server.stats().shards;
        expect(from?.connections).toBe(0);
        expect(to?.connections).toBeGreaterThan(0);
        server.resume();
      },
    );
  });
});

describe("a topic, in simulation", () => {
  it("has no subscriber once everybody has left", async () => {
    const known: HandlerShard[] = [];
    await simulate(
      { handlers: createService(known), shards: 2, seeds: SEEDS },
      async ({ open, time, whenSettled }) => {
        const clients = [await open("/"), await open("/")];
        for (const client of clients) {
          client.send("subscribe");
          await client.next();
        }
        for (const client of clients) client.close();
        for (const client of clients) await client.closed();
        await time.advance(100);
        const counts: number[] = [];
        for (const shard of known.splice(0))
          whenSettled(
            shard.subscribers("room").then(({ here }) => counts.push(here)),
            () => {},
          );
        await time.until(() => counts.length === 2);
        expect(counts).toEqual([0, 0]);
      },
    );
  });
});

describe("a shutdown that is called off, in simulation", () => {
  it("leaves as many timers as there were", async () => {
    const world = new World({
      seed: 1,
      server: { workers: 1, admin: false, shutdownDeadlineMs: 400 },
      loadHandlers: () => Promise.resolve(createService()()),
    });
    try {
      await world.start();
      const scene = makeScene(world, 1);
      const timers = (): number =>
        world.instances
          .flatMap(({ threads }) => threads)
          .flatMap(({ thread }) => thread.timers).length;
      const client = await scene.open("/");
      client.send("hello");
      await client.next();
      // Until what its handshake waited for is over.
      await scene.time.advance(20_000);
      const before = timers();
      // Nobody catches that it was called off, and nobody has to.
      scene.whenSettled(scene.server.shutdown(), () => {});
      await scene.time.advance(5);
      expect(scene.server.callOff()).toBe(true);
      await scene.time.advance(2_000);
      expect(timers()).toBe(before);
      await scene.server.shutdown();
    } finally {
      world.end();
    }
  });
});
