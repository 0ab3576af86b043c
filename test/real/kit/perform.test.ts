import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  perform,
  PerformError,
  type PerformOptions,
  type Scene,
  scenario,
} from "../../../src/testing/index.ts";
import { createCertificates } from "../../support/certificates.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { NatsServer } from "../cluster/nats-server.ts";

const handlers = new URL("accounts.ts", import.meta.url);
/** Threads that begin anew, on a machine that has other things to do. */
const RESTART_MS = 30_000;

async function failureOf(
  options: Partial<PerformOptions>,
  script: (scene: Scene) => Promise<void> | void,
): Promise<Error> {
  const error: unknown = await perform({ handlers, ...options }, script).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Error) return error;
  throw new Error("expected it to fail");
}

/** One script; what is written down is what was seen. */
const seen: string[] = [];
const goodbye = scenario(
  { handlers, shards: 2 },
  async ({ open, server, time, settle }) => {
    const ann = await open("/", { name: "ann" });
    const bob = await open("/", { name: "bob" });
    ann.send("10");
    await settle();
    bob.send("news");
    seen.push(await ann.next(), await ann.next());
    ann.send("5");
    await settle();
    const begunAt = time.now;
    const report = server.shutdown();
    seen.push(await ann.next());
    const { code } = await ann.closed();
    const { outcomes } = await report;
    seen.push(`${code}`, `${outcomes.clean}`);
    expect(time.now - begunAt).toBeGreaterThan(50);
    expect(bob.readToTheEnd).toBe(true);
  },
);

describe("a scenario", () => {
  it("is the same in simulation and on real threads", async () => {
    await goodbye.simulate();
    const simulated = seen.splice(0);
    const { report } = await goodbye.perform();
    expect(simulated.toSorted()).toEqual([
      ...["1001", "2", "news from /", "paid 10", "paid 15"],
    ]);
    expect(seen.splice(0).toSorted()).toEqual(simulated.toSorted());
    expect(report.balanced).toBe(true);
  });
});

describe("a performance", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("asks the inspector, right and wrong", async () => {
    const server = { admin: true, adminPort: 0 } as const;
    await perform({ handlers, server }, async ({ open, inspect }) => {
      const watching = inspect("/api/events");
      await open("/");
      const status = await inspect("/api/status");
      expect(JSON.parse(status.text)).toMatchObject({ connections: 1 });
      const mistaken = await inspect("/api/drain", { fields: { shard: 9 } });
      expect(mistaken.status).toBe(400);
      await inspect("/api/shutdown", { fields: {} });
      expect((await watching).text).toContain(`"state":"terminated"`);
    });
    const error = await failureOf({}, async ({ inspect }) => {
      await inspect("/api/status");
    });
    expect(error.message).toContain("the inspector is off");
  });

  it("moves connections, crashes and blocks shards, and holds the network, for real", async () => {
    const given: (string | undefined)[] = [];
    const { story } = await perform(
      {
        handlers,
        shards: 2,
        onMessage: (client, data) => given.push(`${client}: ${String(data)}`),
      },
      async ({ open, server, shards, network, time }) => {
        const ann = await open("/", { name: "ann" });
        ann.send("1");
        expect(await ann.next()).toBe("paid 1");
        const [first] = server.stats().shards.filter(hasConnections);
        await server.drain({ shard: first?.shard ?? 0, move: true }).done;
        server.resume();
        network.hold();
        ann.send("2");
        const bob = await Promise.race([open("/"), time.advance(50)]);
        expect(bob).toBe(undefined);
        expect(ann.texts).toEqual(["paid 1"]);
        network.release();
        expect(await ann.next()).toBe("paid 3");
        const [home] = server.stats().shards.filter(hasConnections);
        shards[home?.shard ?? 0]?.block(20);
        ann.send("3");
        expect(await ann.next()).toBe("paid 6");
        const before = server.stats().shards.map(({ restarts }) => restarts);
        for (const shard of shards) shard.crash();
        expect(await ann.closed()).toEqual({ code: 1006, reason: "" });
        await time.until(
          () =>
            server
              .stats()
              .shards.every(
                ({ state, restarts, shard }) =>
                  state === "serving.accepting" &&
                  restarts > (before[shard] ?? Infinity),
              ),
          RESTART_MS,
        );
        expect((await open("/")).isOpen).toBe(true);
      },
    );
    expect(given).toEqual(["ann: 1", "ann: 2", "ann: 3"]);
    expect(story).toEqual(
      expect.arrayContaining([
        "ann connects to /",
        'ann says "1"',
        'ann reads "paid 1"',
        "the network stands still",
        "shard 0 crashes",
        "ann is cut off",
      ]),
    );
  });

  it("speaks TLS, which a simulation does not, and leaves out a law that is not the user's", async () => {
    const { serverKey, serverCert } = createCertificates();
    const { report } = await perform(
      {
        handlers,
        server: { tlsKeyFile: serverKey, tlsCertFile: serverCert },
        exceptLaws: ["no hook throws"],
      },
      async ({ open }) => {
        const ann = await open("/");
        ann.send("1");
        expect(await ann.next()).toBe("paid 1");
        ann.send("throw");
        expect(await ann.closed()).toMatchObject({ code: 1011 });
      },
    );
    expect(report.balanced).toBe(true);
  });

  it("links instances by a real NATS, and says what only a simulation can do", async () => {
    const nats = await NatsServer.start();
    await perform(
      { handlers, instances: 2, nats: nats.url },
      async ({ open, instances, cluster, time, server, processes }) => {
        expect(instances.length).toBe(2);
        const ann = await open("/");
        const bob = await open("/", { instance: 1 });
        bob.send("news");
        expect(await ann.next()).toBe("news from /");
        const sentence = "it can be had in a simulation, not on real threads";
        expect(() => cluster.cut()).toThrow(
          `cluster.cut(): a real NATS is not in the hands of this test; ${sentence}`,
        );
        expect(() => time.jump(1_000)).toThrow(sentence);
        expect(() => processes[0]?.kill()).toThrow(sentence);
        expect(() => server.upgrade()).toThrow(sentence);
        expect(server.state).toBe("listening");
      },
    );
  });

  it("tells the story of what fails: the script, or a law", async () => {
    const lost = await failureOf({ patienceMs: 100 }, async ({ open }) => {
      await (await open("/", { name: "ann" })).next();
    });
    expect(lost).toBeInstanceOf(PerformError);
    expect(lost.message).toContain("ann waited for a message, and none came");
    expect(lost.message).toContain("on real threads:\n  ann connects to /");
    const broken = await failureOf({}, async ({ open }) => {
      const ann = await open("/");
      ann.send("throw");
      expect(await ann.closed()).toMatchObject({ code: 1011 });
    });
    expect(broken.message).toMatch(
      /^broken: no hook throws\n {2}\S+: message threw no such account/,
    );
  });

  it("refuses what no real thread can run, and says what to do", async () => {
    const factory = await failureOf(
      { handlers: (() => ({})) as never },
      () => {},
    );
    expect(factory.message).toContain("give the URL of a module");
    const missing = new URL("nowhere.ts", import.meta.url);
    expect(
      (await failureOf({ handlers: missing }, () => {})).message,
    ).toContain("there is no file");
    const wrong = new URL("wrong-handlers.ts", import.meta.url);
    expect((await failureOf({ handlers: wrong }, () => {})).message).toMatch(
      /wrong-handlers\.ts cannot be loaded: handlers: mesage in .* is no hook; did you mean message/,
    );
    const alone = await failureOf({ instances: 2 }, () => {});
    expect(alone.message).toContain("say where it is");
    vi.useFakeTimers();
    expect((await failureOf({}, () => {})).message).toContain(
      "turn the test runner's fake timers off",
    );
  });
});

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

function hasConnections({ connections }: { connections: number }): boolean {
  return connections > 0;
}
