import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { BroadcastChannel } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { channels, type ServerOptions } from "../../../src/index.ts";
import {
  lookAround,
  nothingLeft,
} from "../../../property-tests/support/remains.ts";
import { live } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

/** Where handlers that hang are let go, in every thread. */
const LET_GO = "let those go who hang";
/**
 * Connections of these can move, unless a handler is in flight; a message can end the thread.
 * A handler that hangs holds its shard's end even when its client has left.
 */
const HANDLERS = `data:text/javascript,${encodeURIComponent(`
import { BroadcastChannel } from "node:worker_threads";
const letGo = Promise.withResolvers();
const channel = new BroadcastChannel("${LET_GO}");
channel.onmessage = letGo.resolve;
channel.unref();
export default {
  resume() {},
  message(connection, data) {
    const text = String(data);
    if (text === "die") process.exit(3);
    if (text === "hang") return letGo.promise;
    connection.send(text);
  },
};`)}`;

const WORKERS = 2;
/** A shutdown has reached every thread, and a trial has looked, which it does every 25 ms. */
const HEARD_AFTER_MS = 100;
const OPTIONS: ServerOptions = {
  workers: WORKERS,
  handlers: HANDLERS,
  balance: "round-robin",
  shutdownDeadlineMs: 800,
  moveDeadlineMs: 50,
  trialMs: 200,
  closeRate: 4,
};

const letGo = new BroadcastChannel(LET_GO);
afterAll(() => letGo.close());

interface Scene {
  readonly server: TestServer;
  /** Of every shard the half answers, and the other half never does and has a handler in flight. */
  readonly clients: readonly RawClient[];
}

async function setTheScene(): Promise<Scene> {
  const server = await startServer(OPTIONS);
  const clients: RawClient[] = [];
  for (let count = 0; count < 8; count++) {
    const client = await RawClient.open(server.port);
    clients.push(client);
    if (count < 4) void live(client);
    else client.send("hang");
  }
  await until("the handlers are in flight", () =>
    server
      .stats()
      .shards.every(({ handlersInFlight }) => handlersInFlight === 2),
  );
  return { server, clients };
}

/** Something that is under way; what it promises settles in any case. */
type Begin = (scene: Scene) => Promise<{
  readonly promise: Promise<unknown>;
  /** Asks for the same once more; absent where nobody asks for it. */
  readonly again?: () => Promise<unknown>;
}>;

function shardsAre(
  { server }: Scene,
  state: RegExp,
  atLeast = 1,
): () => boolean {
  return () =>
    server.stats().shards.filter((shard) => state.test(shard.state)).length >=
    atLeast;
}

/** What throws where others reject is the same to whoever waits. */
async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  return await work();
}

async function beginReload(
  scene: Scene,
  phase: string,
  hasCome: () => boolean,
): ReturnType<Begin> {
  const promise = scene.server.reload();
  promise.catch(() => {});
  await until(phase, hasCome);
  return { promise, again: () => scene.server.reload() };
}

const operations: Readonly<Record<string, Begin>> = {
  "a reload that starts the new shards": (scene) =>
    beginReload(scene, "they start", shardsAre(scene, /starting/, WORKERS)),

  "a reload in its trial": (scene) =>
    beginReload(scene, "the trial", shardsAre(scene, /suspended/, WORKERS)),

  "a reload whose old shards retire": (scene) =>
    beginReload(scene, "they retire", shardsAre(scene, /closing|draining/)),

  "a rebalance": async ({ server, clients }) => {
    for (const [index, client] of clients.entries())
      if (index % 2 === 1) client.destroy();
    await until(
      "one shard is empty",
      () => server.stats().ledger.live === clients.length / 2,
    );
    const again = (): Promise<unknown> => server.rebalance();
    return { promise: again(), again };
  },

  "a drain of everything": async ({ server }) => {
    const again = (): Promise<unknown> => server.drain().done;
    return { promise: again(), again };
  },

  "a drain of one shard": async ({ server }) => {
    const again = (): Promise<unknown> => server.drain({ shard: 0 }).done;
    return { promise: again(), again };
  },

  "a shard that is emptied": async ({ server }) => {
    const again = (): Promise<unknown> =>
      server.drain({ shard: 0, move: true }).done;
    return { promise: again(), again };
  },

  "a shard that is emptied and ends": async (scene) => {
    const again = (): Promise<unknown> =>
      scene.server.drain({ shard: 0, move: true }).done;
    const promise = again();
    await until("it ends", shardsAre(scene, /closing|draining/));
    return { promise, again };
  },

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
};

/** Every shard takes connections, new ones are served, and all that can be asked for can be again. */
async function isSound({ server, clients }: Scene): Promise<boolean> {
  const areBack = (): boolean => {
    const { shards } = server.stats();
    const areServing = shards.every(({ state }) => state.startsWith("serving"));
    return shards.length === WORKERS && areServing;
  };
  await until("every shard serves, and no other is left", areBack);
  if (!server.ready) return false;
  server.resume();
  const client = await until("it accepts", () =>
    RawClient.open(server.port).catch(() => undefined),
  );
  void live(client);
  // Those who hang have shown what they can: nobody waits for them again.
  for (const each of clients) each.destroy();
  letGo.postMessage("now");
  await within("a rebalance", server.rebalance());
  const { shards } = server.stats();
  for (const { shard } of shards)
    await within("a restart", server.restartShard(shard));
  await within("a reload", server.reload());
  const next = await RawClient.open(server.port);
  next.send("hello");
  return areBack() && (await next.message()) === "hello";
}

/** It has ended by its deadline, with everyone accounted for, and whoever waited for something knows. */
async function hasEndedWell(
  { server }: Scene,
  promise: Promise<unknown>,
): Promise<boolean> {
  await within(
    "its promise",
    promise.catch(() => {}),
  );
  const report = await within("the report", server.terminated);
  const { shards } = server.stats();
  const areGone = shards.every(({ state }) => state === "terminated");
  return report.balanced && report.deadlineHeld && areGone;
}

describe.each(Object.entries(operations))("%s", (_name, begin) => {
  it("and a shutdown that is called off in the same turn", async () => {
    const scene = await setTheScene();
    const { promise } = await begin(scene);
    const shutdown = scene.server.shutdown({ deadlineMs: 60_000 });
    expect(scene.server.callOff()).toBe(true);
    await expect(shutdown).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    await within(
      "its promise",
      promise.catch(() => {}),
    );
    expect(await isSound(scene)).toBe(true);
  });

  it("and a shutdown that is called off once the shards have heard", async () => {
    const scene = await setTheScene();
    const { promise } = await begin(scene);
    const shutdown = scene.server.shutdown({ deadlineMs: 60_000 });
    shutdown.catch(() => {});
    const askedAt = performance.now();
    const isClosing = shardsAre(scene, /closing|draining/);
    await until(
      "the shards have heard, and a trial has looked at them",
      () => isClosing() && performance.now() - askedAt > HEARD_AFTER_MS,
    );
    expect(scene.server.callOff()).toBe(true);
    await within(
      "its promise",
      promise.catch(() => {}),
    );
    expect(await isSound(scene)).toBe(true);
  });

  it("and a shutdown, a call-off and another shutdown", async () => {
    const scene = await setTheScene();
    const { promise } = await begin(scene);
    scene.server.shutdown().catch(() => {});
    expect(scene.server.callOff()).toBe(true);
    void scene.server.shutdown({ deadlineMs: 500 });
    expect(await hasEndedWell(scene, promise)).toBe(true);
  });

  it("and a shutdown", async () => {
    const scene = await setTheScene();
    const { promise } = await begin(scene);
    void scene.server.shutdown({ deadlineMs: 500 });
    expect(await hasEndedWell(scene, promise)).toBe(true);
  });

  it("and force", async () => {
    const scene = await setTheScene();
    const { promise } = await begin(scene);
    scene.server.force();
    expect(await hasEndedWell(scene, promise)).toBe(true);
  });

  it("and the same once more", async () => {
    const scene = await setTheScene();
    const { promise, again } = await begin(scene);
    const second = again === undefined ? promise : attempt(again);
    await within("both promises", Promise.allSettled([promise, second]));
    expect(await isSound(scene)).toBe(true);
  });
});

describe("a reload that has not passed its trial", () => {
  it("is given up at once: whoever calls the shutdown off in the same turn finds the old version in its place", async () => {
    const server = await startServer({ ...OPTIONS, trialMs: 60_000 });
    const old = server.stats().shards.map(({ shard }) => shard);
    const reload = server.reload();
    reload.catch(() => {});
    await until(
      "they have taken over",
      () => server.stats().shards[0]?.shard !== old[0],
    );
    server.shutdown({ deadlineMs: 60_000 }).catch(() => {});
    expect(server.callOff()).toBe(true);
    const inPlace = server.stats().shards.slice(0, WORKERS);
    expect(inPlace.map(({ shard, state }) => [shard, state])).toEqual(
      old.map((shard) => [shard, "serving.accepting"]),
    );
    await expect(within("the reload", reload)).rejects.toMatchObject({
      code: "ERR_SLUICE_RELOAD",
    });
  });

  it("is given up by a shutdown, and whoever calls that off finds the old version", async () => {
    const server = await startServer({ ...OPTIONS, trialMs: 60_000 });
    const old = server.stats().shards.map(({ shard }) => shard);
    const reload = server.reload();
    reload.catch(() => {});
    const stateOfOld = (): string[] =>
      server
        .stats()
        .shards.filter(({ shard }) => old.includes(shard))
        .map(({ state }) => state);
    await until("the trial", () =>
      stateOfOld().every((state) => state === "serving.suspended"),
    );
    const shutdown = server.shutdown({ deadlineMs: 60_000 });
    expect(server.callOff()).toBe(true);
    await expect(shutdown).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    await expect(within("the reload", reload)).rejects.toMatchObject({
      code: "ERR_SLUICE_RELOAD",
    });
    expect(stateOfOld()).toEqual(old.map(() => "serving.accepting"));
  });
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

describe("what is asked of a server that does not listen", () => {
  it("rejects where it promises something, and throws where it does not", async () => {
    const server = await startServer(OPTIONS);
    await server.shutdown();
    const refusal = { code: "ERR_SLUICE_STATE" };
    for (const ask of [
      () => server.reload(),
      () => server.upgrade(),
      () => server.rebalance(),
      () => server.restartShard(0),
    ])
      await expect(ask()).rejects.toMatchObject(refusal);
    expect(() => server.drain()).toThrow(expect.objectContaining(refusal));
  });
});
