import { describe, expect, it } from "vitest";
import {
  type Connection,
  defineHandlers,
  type Handlers,
} from "../../src/handlers.ts";
import type { Drain, ShardStats } from "../../src/index.ts";
import {
  type Client,
  simulate,
  type SimulateOptions,
} from "../../src/testing/index.ts";
import type { Scene } from "../../src/testing/scene.ts";

const SEEDS = 2;
const FAILS_ON_PURPOSE = ["no hook throws"];

/** What the hooks were called with, over all shards, in order. */
type Calls = string[];

/** Answers with how often it was asked, which travels; what `suspend` does, each test says. */
function createService(
  calls: Calls,
  suspend: (connection: Connection<{ count: number }>) => unknown,
) {
  return () =>
    defineHandlers<{ count: number }>({
      opened(connection) {
        connection.data = { count: 0 };
      },
      message(connection, data) {
        connection.data.count++;
        calls.push(`message ${data.toString()}`);
        connection.send(`${data.toString()} ${connection.data.count}`);
      },
      suspend(connection) {
        calls.push("suspend");
        return suspend(connection);
      },
      resume(connection, state) {
        calls.push(`resume ${JSON.stringify(state)}`);
        connection.data = (state as { kept: { count: number } }).kept;
      },
      closed() {
        calls.push("closed");
      },
    });
}

/** Plays with one client on two shards, who has said `one` and was answered. */
async function withClient(
  suspend: Parameters<typeof createService>[1],
  script: (scene: Scene, client: Client, calls: Calls) => Promise<void>,
  options: Partial<SimulateOptions> = {},
): Promise<void> {
  const calls: Calls = [];
  await simulate(
    {
      handlers: createService(calls, suspend),
      shards: 2,
      seeds: SEEDS,
      ...options,
    },
    async (scene) => {
      calls.length = 0;
      const client = await scene.open("/");
      client.send("one");
      expect(await client.next()).toBe("one 1");
      await script(scene, client, calls);
    },
  );
}

/** The shard that has the only connection there is. */
function home({ server }: Scene): number {
  return server.stats().shards.findIndex(({ connections }) => connections > 0);
}

function stateOf({ server }: Scene): string | undefined {
  const { states } = server.stats();
  return Object.keys(states).find((name) => (states[name] ?? 0) > 0);
}

const keep = ({ data }: Connection<{ count: number }>) => ({ kept: data });
const after = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

describe("a connection whose handlers suspend it", () => {
  it.each([
    [
      "throws",
      () => {
        throw new Error("not now");
      },
    ],
    ["rejects", () => Promise.reject(new Error("not now"))],
    [
      "rejects later",
      () => after(20).then(() => Promise.reject(new Error("not now"))),
    ],
  ])(
    "stays where that %s: it is told to come back, and resumed by nobody",
    async (_, suspend) => {
      await withClient(
        suspend,
        async (scene, client, calls) => {
          const { server } = scene;
          const drain = server.drain({
            shard: home(scene),
            move: true,
            deadlineMs: 2_000,
          });
          expect(await client.closed()).toMatchObject({ code: 1012 });
          expect(await drain.done).toMatchObject({
            moved: 0,
            notified: 1,
            refused: { suspend: 1 },
          });
          expect(calls).toEqual(["message one", "suspend", "closed"]);
        },
        { exceptLaws: FAILS_ON_PURPOSE },
      );
    },
  );

  it("goes on where it is when that throws and it was only to be evened out", async () => {
    await withClient(
      () => {
        throw new Error("not now");
      },
      async ({ server, open }, client, calls) => {
        const others = [await open("/"), await open("/"), await open("/")];
        for (const other of [others[0], others[2]]) other?.close();
        for (const other of [others[0], others[2]]) await other?.closed();
        expect(await server.rebalance()).toMatchObject({
          moved: 0,
          refused: { suspend: 2 },
        });
        client.send("two");
        expect(await client.next()).toBe("two 2");
        expect(calls.filter((call) => call.startsWith("resume"))).toEqual([]);
      },
      { exceptLaws: FAILS_ON_PURPOSE },
    );
  });

  it("is asked once, and takes along what that returned in the place of its data", async () => {
    await withClient(keep, async (scene, client, calls) => {
      const from = home(scene);
      const report = await scene.server.drain({ shard: from, move: true }).done;
      expect(report).toMatchObject({ moved: 1, notified: 0, refused: {} });
      expect(home(scene)).not.toBe(from);
      client.send("two");
      expect(await client.next()).toBe("two 2");
      expect(calls).toEqual([
        "message one",
        "suspend",
        `resume {"kept":{"count":1}}`,
        "message two",
      ]);
    });
  });

  it("reads what it sends as it suspends, and then leaves", async () => {
    await withClient(
      (connection) => {
        for (let count = 0; count < 20; count++)
          connection.send(`${count} `.padEnd(4_000, "."));
        return keep(connection);
      },
      async (scene, client, calls) => {
        const from = home(scene);
        await scene.server.drain({ shard: from, move: true }).done;
        for (let count = 0; count < 20; count++)
          expect(await client.next()).toMatch(new RegExp(`^${count} `));
        client.send("two");
        expect(await client.next()).toBe("two 2");
        expect(calls.filter((call) => call === "suspend")).toHaveLength(1);
      },
    );
  });

  it("is closed by its own suspension, and then neither leaves nor is resumed", async () => {
    await withClient(
      (connection) => {
        connection.close(4001, "moved out");
        return keep(connection);
      },
      async (scene, client, calls) => {
        const drain = scene.server.drain({ shard: home(scene), move: true });
        expect(await client.closed()).toMatchObject({ code: 4001 });
        expect(await drain.done).toMatchObject({ moved: 0 });
        expect(calls).toEqual(["message one", "suspend", "closed"]);
      },
    );
  });

  it("resumes here, with what that returned, when it took longer than it may", async () => {
    await withClient(
      (connection) => after(3_000).then(() => keep(connection)),
      async (scene, client, calls) => {
        const { server, time } = scene;
        const from = home(scene);
        const drain = server.drain({
          shard: from,
          move: true,
          deadlineMs: 60_000,
        });
        await time.until(() => calls.includes("suspend"));
        drain.callOff();
        expect(await drain.done).toMatchObject({
          moved: 0,
          wasCalledOff: true,
        });
        expect(calls).toEqual(["message one", "suspend"]);
        client.send("two");
        expect(await client.next()).toBe("two 2");
        expect(home(scene)).toBe(from);
        expect(calls).toEqual([
          "message one",
          "suspend",
          `resume {"kept":{"count":1}}`,
          "message two",
        ]);
      },
    );
  });

  it("resumes also where a shutdown has come meanwhile, before what had waited is handled", async () => {
    await withClient(
      (connection) => after(500).then(() => keep(connection)),
      async (scene, client, calls) => {
        const { server, time } = scene;
        const drain = server.drain({ shard: home(scene), move: true });
        await time.until(() => calls.includes("suspend"));
        drain.callOff();
        await drain.done;
        client.send("two");
        await time.advance(100);
        const shutdown = server.shutdown({ deadlineMs: 5_000 });
        expect(await client.next()).toBe("two 2");
        expect(await client.closed()).toMatchObject({ code: 1001 });
        await shutdown;
        expect(calls).toEqual([
          "message one",
          "suspend",
          `resume {"kept":{"count":1}}`,
          "message two",
          "closed",
        ]);
      },
    );
  });

  it("is not resumed after a verdict that fell while it was suspended", async () => {
    await withClient(
      (connection) => {
        setTimeout(() => connection.close(4002, "enough"), 50);
        return after(500).then(() => keep(connection));
      },
      async (scene, client, calls) => {
        const drain = scene.server.drain({ shard: home(scene), move: true });
        expect(await client.closed()).toMatchObject({ code: 4002 });
        await drain.done;
        await scene.time.advance(2_000);
        expect(calls).toEqual(["message one", "suspend", "closed"]);
      },
    );
  });
});

describe("a connection that is to leave its shard", () => {
  /** What it can be asked for: to be slow, to be loud, to keep what cannot travel. */
  function createWorker(hooks: Partial<Handlers> = {}) {
    return () =>
      defineHandlers({
        async message(connection, data) {
          const [order = "", what = ""] = data.toString().split(" ");
          switch (order) {
            case "work":
              await after(Number(what));
              break;
            case "shout":
              for (let count = 0; count < Number(what); count++)
                connection.send(".".repeat(10_000));
              return;
            case "keep":
              connection.data = unclonable(what);
              break;
          }
          connection.send(`done ${order}`);
        },
        ...hooks,
      });
  }

  function unclonable(what: string): unknown {
    switch (what) {
      case "function":
        return { call: () => {} };
      case "getter":
        return {
          get secret() {
            throw new Error("not yours");
          },
        };
      default:
        return {
          deep: Array.from({ length: 3_000 }).reduce((all) => [all], 0),
        };
    }
  }

  async function play(
    script: (scene: Scene, client: Client) => Promise<void>,
    options: Partial<SimulateOptions> = {},
  ): Promise<void> {
    await simulate(
      { handlers: createWorker(), shards: 2, seeds: SEEDS, ...options },
      async (scene) => script(scene, await scene.open("/")),
    );
  }

  function empty(scene: Scene, deadlineMs = 1_000): Drain {
    return scene.server.drain({ shard: home(scene), move: true, deadlineMs });
  }

  it.each(["function", "getter", "depth"])(
    "is told to come back where its data cannot travel: a %s",
    async (what) => {
      await play(async (scene, client) => {
        client.send(`keep ${what}`);
        await client.next();
        const { done } = empty(scene);
        expect(await client.closed()).toMatchObject({ code: 1012 });
        expect(await done).toMatchObject({ moved: 0, refused: { data: 1 } });
      });
    },
  );

  it("is told to come back where nobody would tell the other thread of it", async () => {
    await play(
      async (scene, client) => {
        const { done } = empty(scene);
        expect(await client.closed()).toMatchObject({ code: 1012 });
        expect(await done).toMatchObject({ refused: { "no-resume": 1 } });
      },
      { handlers: createWorker({ opened() {} }) },
    );
  });

  it("waits for its handlers, and for as long as it may", async () => {
    await play(async (scene, client) => {
      const from = home(scene);
      client.send("work 300");
      await scene.time.advance(50);
      const patient = empty(scene, 2_000);
      expect(await client.next()).toBe("done work");
      expect(await patient.done).toMatchObject({ moved: 1, refused: {} });
      expect(home(scene)).not.toBe(from);
      scene.server.resume();
      client.send("work 3000");
      await scene.time.advance(50);
      const impatient = empty(scene, 1_000);
      expect(await client.closed()).toMatchObject({ code: 1012 });
      expect(await impatient.done).toMatchObject({
        moved: 0,
        refused: { handlers: 1 },
      });
    });
  });

  it("waits for the rest of a message that has begun", async () => {
    await play(async (scene, client) => {
      client.sendHalf("the first half, and never the second");
      await scene.time.advance(50);
      const { done } = empty(scene);
      expect(await client.closed()).toMatchObject({ code: 1012 });
      expect(await done).toMatchObject({ refused: { "mid-frame": 1 } });
    });
  });

  it("waits until its peer has read, and is told to come back where that does not", async () => {
    await play(async (scene, client) => {
      client.stopReading();
      client.send("shout 12");
      await scene.time.advance(50);
      const { done } = empty(scene);
      await done.then(({ refused }) =>
        expect(refused).toEqual({ unflushed: 1 }),
      );
      client.readOn();
    });
  });

  it("does not leave while it is congested", async () => {
    await play(
      async (scene, client) => {
        client.stopReading();
        client.send("shout 40");
        await scene.time.until(() => stateOf(scene) === "open.congested");
        const { done } = empty(scene);
        expect(await done).toMatchObject({ moved: 0, refused: { state: 1 } });
        client.readOn();
      },
      { server: { highWaterMarkBytes: 100_000, lowWaterMarkBytes: 1_000 } },
    );
  });

  it("leaves with all the others, however many there are", async () => {
    await play(
      async (scene, client) => {
        const others: Client[] = [];
        for (let count = 0; count < 150; count++)
          others.push(await scene.open("/"));
        const from = home(scene);
        const { connections } = scene.server.stats().shards[from] as ShardStats;
        const { done } = empty(scene, 10_000);
        expect(await done).toMatchObject({ moved: connections, refused: {} });
        for (const each of [client, ...others]) {
          each.send("hello");
          expect(await each.next()).toBe("done hello");
        }
        const { handover, shards } = scene.server.stats();
        expect([handover.moved, handover.inTransit]).toEqual([connections, 0]);
        expect(shards[from]).toMatchObject({ movedOut: connections });
      },
      { seeds: 1 },
    );
  });

  it("leaves alone where only one has to, however many could", async () => {
    await play(async (scene) => {
      const clients: Client[] = [];
      for (let count = 0; count < 5; count++)
        clients.push(await scene.open("/"));
      // Those who came to the other shard leave: three to none.
      for (const at of [0, 2, 4]) {
        clients[at]?.close();
        await clients[at]?.closed();
      }
      expect(await scene.server.rebalance()).toMatchObject({ moved: 1 });
      const counts = scene.server
        .stats()
        .shards.map((each) => each.connections);
      expect(counts.toSorted((a, b) => a - b)).toEqual([1, 2]);
    });
  });

  it("stays, and is served, where that is called off while its handlers run", async () => {
    await play(async (scene, client) => {
      const from = home(scene);
      client.send("work 400");
      await scene.time.advance(50);
      const drain = empty(scene, 10_000);
      await scene.time.until(() => stateOf(scene) === "open.moving");
      drain.callOff();
      expect(await drain.done).toMatchObject({ moved: 0, wasCalledOff: true });
      expect(await client.next()).toBe("done work");
      client.send("hello");
      expect(await client.next()).toBe("done hello");
      expect([home(scene), stateOf(scene)]).toEqual([from, "open.healthy"]);
    });
  });

  it("closes where it is when its peer does so meanwhile", async () => {
    await play(async (scene, client) => {
      client.send("work 400");
      await scene.time.advance(50);
      const drain = empty(scene, 10_000);
      await scene.time.until(() => stateOf(scene) === "open.moving");
      client.reset();
      expect(await drain.done).toMatchObject({ moved: 0, refused: {} });
    });
  });

  it("is told what the operator has asked for last, where that is a restart in the middle of a drain", async () => {
    await withClient(
      (connection) => after(1_000).then(() => keep(connection)),
      async (scene, client) => {
        const { server, time, open } = scene;
        const others = await Promise.all(
          Array.from({ length: 5 }, () => open("/")),
        );
        const shard = home(scene);
        const drain = server.drain({ shard, move: true });
        await time.advance(100);
        await server.restartShard(shard);
        const { wasCalledOff } = await drain.done;
        expect(wasCalledOff).toBe(false);
        await time.advance(10_000);
        for (const each of [client, ...others])
          expect([undefined, 1001]).toContain(each.outcome?.code);
      },
      { server: { closeRate: 2 } },
    );
  });
});
