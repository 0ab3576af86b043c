import { BroadcastChannel } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import type { ServerOptions } from "../../../src/index.ts";
import { live } from "../../support/crowd.ts";
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

export const WORKERS = 2;
/** A shutdown has reached every thread, and a trial has looked, which it does every 25 ms. */
const HEARD_AFTER_MS = 100;
export const OPTIONS: ServerOptions = {
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

export function shardsAre(
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

export async function beginReload(
  scene: Scene,
  phase: string,
  hasCome: () => boolean,
): ReturnType<Begin> {
  const promise = scene.server.reload();
  promise.catch(() => {});
  await until(phase, hasCome);
  return { promise, again: () => scene.server.reload() };
}

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

/**
 * Something is under way, and something else comes: the tests of each pair.
 * Files of these run beside each other, since all of them together take long.
 */
export function describeInterplay(
  operations: Readonly<Record<string, Begin>>,
): void {
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
}
