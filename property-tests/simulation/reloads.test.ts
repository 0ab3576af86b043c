import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import { defineHandlers, type Handlers } from "../../src/handlers.ts";
import {
  type Client,
  simulate,
  type SimulateOptions,
} from "../../src/testing/index.ts";
import type { Scene } from "../../src/testing/scene.ts";
import { channels } from "../../src/protocol/channels.ts";

const SEEDS = 2;
const TRIAL_MS = 400;
const FAILS_ON_PURPOSE = ["no hook throws"];

/** What the handlers are from the next start of a shard on. */
interface Version {
  name: string;
  hooks: Partial<Handlers<{ count: number }>>;
}

function createService(version: Version) {
  return () => {
    const { name, hooks } = version;
    return defineHandlers<{ count: number }>({
      opened(connection) {
        connection.data = { count: 0 };
      },
      message(connection) {
        connection.data.count++;
        connection.send(`${name} ${connection.data.count}`);
      },
      resume(connection, state) {
        connection.data = state as { count: number };
      },
      ...hooks,
    });
  };
}

type ReloadScene = Scene & {
  /** What the next shards run. */
  readonly version: Version;
  /** What handover has published. */
  readonly news: Record<string, unknown>[];
};

/** Plays with so many clients on two shards, each of whom has been answered once. */
async function withClients(
  script: (scene: ReloadScene, clients: readonly Client[]) => Promise<void>,
  { count = 6, ...options }: Partial<SimulateOptions> & { count?: number } = {},
): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const version: Version = { name: "old", hooks: {} };
    const news: Record<string, unknown>[] = [];
    const hear = (message: unknown): void =>
      void news.push(message as Record<string, unknown>);
    subscribe(channels.handover, hear);
    try {
      await simulate(
        {
          handlers: createService(version),
          shards: 2,
          seed,
          server: { trialMs: TRIAL_MS },
          ...options,
        },
        async (scene) => {
          const clients: Client[] = [];
          for (let at = 0; at < count; at++)
            clients.push(await scene.open("/"));
          await answers(clients, "old 1");
          await script(Object.assign(scene, { version, news }), clients);
        },
      );
    } finally {
      unsubscribe(channels.handover, hear);
    }
  }
}

async function answers(
  clients: readonly Client[],
  text: string,
): Promise<void> {
  for (const client of clients) {
    client.send("hello");
    expect(await client.next()).toBe(text);
  }
}

const statesOf = ({ server }: Scene): string[] =>
  server.stats().shards.map(({ state }) => state);

function release(
  { version }: { version: Version },
  hooks: Version["hooks"] = {},
): void {
  Object.assign(version, { name: "new", hooks });
}

/** What an attempt came to: the error. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error("it did not fail"),
    (error: unknown) => error as Error,
  );
}

describe("a reload, in simulation", () => {
  it("brings everyone to the new version, and says so step by step", async () => {
    await withClients(async (scene, clients) => {
      const { server, news } = scene;
      const before = server.stats().shards.map(({ shard }) => shard);
      release(scene);
      const report = await server.reload();
      expect(report).toMatchObject({ moved: 6, notified: 0, refused: {} });
      expect(report.durationMs).toBeGreaterThan(TRIAL_MS);
      expect(report.durationMs).toBeLessThan(3 * TRIAL_MS);
      await answers(clients, "new 2");
      expect(news.map(({ event }) => event)).toEqual([
        "reloading",
        "trial-passed",
        "reloaded",
      ]);
      expect(news[0]).toMatchObject({ movable: 6 });
      expect(news[2]).toMatchObject(report);
      const { shards, ledger } = server.stats();
      expect(statesOf(scene)).toEqual([
        "serving.accepting",
        "serving.accepting",
      ]);
      expect(shards.map(({ shard }) => shard)).not.toEqual(before);
      expect(ledger.live).toBe(6);
    });
  });

  it("can be had again, and again", async () => {
    await withClients(async (scene, clients) => {
      for (const name of ["second", "third", "fourth"]) {
        Object.assign(scene.version, { name });
        expect(await scene.server.reload()).toMatchObject({ moved: 6 });
      }
      await answers(clients, "fourth 2");
    });
  });

  it("lets a few go first, and the others when the trial is over", async () => {
    await withClients(
      async (scene, clients) => {
        const { server, time } = scene;
        release(scene);
        const reload = server.reload();
        await time.until(() => server.stats().handover.moved > 0);
        await time.advance(TRIAL_MS / 2);
        expect(server.stats().handover.moved).toBe(2);
        const newcomer = await scene.open("/");
        await answers([newcomer], "new 1");
        expect(await reload).toMatchObject({ moved: 8 });
        await answers(clients, "new 2");
      },
      { count: 8 },
    );
  });

  it("tells those to come back who cannot move, and only when the new version has passed", async () => {
    await withClients(async (scene, clients) => {
      const { server, time } = scene;
      const [half, ...others] = clients as [Client, ...Client[]];
      half.sendHalf("the first half, and never the second");
      release(scene);
      const reload = server.reload();
      await time.until(() => server.stats().handover.moved > 0);
      expect(half.isOpen).toBe(true);
      expect(await half.closed()).toMatchObject({ code: 1012 });
      expect(await reload).toMatchObject({
        moved: 5,
        notified: 1,
        refused: { "mid-frame": 1 },
      });
      await answers(others, "new 2");
    });
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no database"))],
  ])(
    "leaves everyone with the old version where `started` %s",
    async (_, started) => {
      await withClients(async (scene, clients) => {
        release(scene, { started });
        const error = await failureOf(scene.server.reload());
        expect(error).toMatchObject({ code: "ERR_SLUICE_RELOAD" });
        expect(error.message).toMatch(
          /^reload\(\): the old version stays, because the new one failed: .*no database/,
        );
        expect(error.cause).toBeDefined();
        expect(scene.news.map(({ event }) => event)).toEqual([
          "reloading",
          "rolled-back",
        ]);
        expect(scene.news[1]?.["why"]).toContain("no database");
        expect(statesOf(scene)).toEqual([
          "serving.accepting",
          "serving.accepting",
        ]);
        await answers(clients, "old 2");
        release(scene);
        expect(await scene.server.reload()).toMatchObject({ moved: 6 });
        await answers(clients, "new 3");
      });
    },
  );

  it("gives back whom the new version has had when its messages fail", async () => {
    await withClients(
      async (scene, clients) => {
        const { server, time, version } = scene;
        release(scene, {
          message() {
            throw new Error("a typing mistake");
          },
        });
        const reload = failureOf(server.reload());
        await time.until(() => server.stats().handover.moved > 0);
        Object.assign(version, { name: "old", hooks: {} });
        for (const client of clients) client.send("hello");
        const error = await reload;
        expect(error.message).toContain("a typing mistake");
        const open = clients.filter(({ isOpen }) => isOpen);
        // Those alone who said something to the version that failed.
        expect(clients.length - open.length).toBeLessThanOrEqual(2);
        for (const client of open) expect(await client.next()).toBe("old 2");
        const { shards } = server.stats();
        expect(shards.map(({ connections }) => connections)).toHaveLength(2);
        expect(statesOf(scene)).toEqual([
          "serving.accepting",
          "serving.accepting",
        ]);
      },
      { exceptLaws: FAILS_ON_PURPOSE },
    );
  });

  it("gives back also who is still being let in when its messages fail", async () => {
    await withClients(
      async (scene, clients) => {
        const { server, time, open } = scene;
        release(scene, {
          authorize: () =>
            new Promise((resolve) => {
              setTimeout(() => resolve({ accept: true }), 800);
            }),
          message() {
            throw new Error("the new version answers nothing");
          },
        });
        const reloaded = failureOf(server.reload());
        await time.until(() => server.stats().handover.moved > 1);
        const opening = open("/");
        await time.advance(50);
        for (const client of clients) client.send("hello");
        expect(await reloaded).toMatchObject({ code: "ERR_SLUICE_RELOAD" });
        const newcomer = await opening;
        await time.advance(2_000);
        expect(newcomer.outcome).toBeUndefined();
        newcomer.send("hello");
        expect(await newcomer.next()).toBe("old 1");
      },
      { exceptLaws: FAILS_ON_PURPOSE },
    );
  });

  it("gives back whom it has had when a thread of it dies", async () => {
    await withClients(async (scene, clients) => {
      const { server, time } = scene;
      release(scene);
      const reload = failureOf(server.reload());
      await time.until(() => server.stats().handover.moved > 0);
      const fresh = server
        .stats()
        .shards.findIndex(({ movedIn }) => movedIn > 0);
      const { shard } = server.stats().shards[fresh] ?? {};
      scene.shards.find(({ index }) => index === shard)?.crash();
      expect((await reload).message).toContain(
        `shard ${shard} died in its trial`,
      );
      const open = clients.filter(({ isOpen }) => isOpen);
      expect(open.length).toBeGreaterThanOrEqual(clients.length - 2);
      await answers(open, "old 2");
      expect(statesOf(scene)).toEqual([
        "serving.accepting",
        "serving.accepting",
      ]);
    });
  });

  it("goes back from a version that stands still, without its threads", async () => {
    await withClients(async (scene) => {
      const { server, time } = scene;
      release(scene);
      const reload = failureOf(server.reload());
      await time.until(() => server.stats().handover.moved > 0);
      const fresh = scene.shards.filter(({ index }) => index >= 2);
      expect(fresh).toHaveLength(2);
      for (const shard of fresh) shard.block(60_000);
      const since = time.now;
      expect((await reload).message).toContain("the old version stays");
      expect(time.now - since).toBeLessThan(30_000);
      expect(statesOf(scene)).toEqual([
        "serving.accepting",
        "serving.accepting",
      ]);
    });
  });

  it("is asked for once at a time", async () => {
    await withClients(async (scene, clients) => {
      release(scene);
      const first = scene.server.reload();
      const second = await failureOf(scene.server.reload());
      expect(second).toMatchObject({ code: "ERR_SLUICE_STATE" });
      await first;
      await answers(clients, "new 2");
    });
  });

  it.each(["at once", "in its trial"])(
    "is given up where the server is to stop %s, and the old version is there when that is called off",
    async (when) => {
      await withClients(async (scene, clients) => {
        const { server, time } = scene;
        release(scene);
        const reload = failureOf(server.reload());
        if (when === "in its trial")
          await time.until(() => server.stats().handover.moved > 0);
        const shutdown = failureOf(server.shutdown());
        expect(server.callOff()).toBe(true);
        const error = await reload;
        expect(error.message).toBe(
          "reload(): the old version stays, because the server was to stop before the new one had passed",
        );
        await shutdown;
        await time.advance(5_000);
        await answers(clients, "old 2");
        expect(statesOf(scene)).toEqual([
          "serving.accepting",
          "serving.accepting",
        ]);
        expect(await server.reload()).toMatchObject({ moved: 6 });
      });
    },
  );

  it("goes on to its end where the server is to stop after it has passed", async () => {
    await withClients(async (scene, clients) => {
      const { server, time, news } = scene;
      clients[0]?.sendHalf("never whole");
      release(scene);
      const reload = server.reload();
      await time.until(() =>
        news.some(({ event }) => event === "trial-passed"),
      );
      await time.until(() => clients[0]?.isOpen === false);
      const shutdown = server.shutdown();
      expect(await reload).toMatchObject({ moved: 5, notified: 1 });
      expect(await shutdown).toMatchObject({ balanced: true });
    });
  });
});
