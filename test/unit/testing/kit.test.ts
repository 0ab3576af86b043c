import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Connection, defineHandlers } from "../../../src/handlers.ts";
import {
  law,
  lives,
  type LivesOptions,
} from "../../../src/testing/fast-check.ts";
import { simulate, SimulationError } from "../../../src/testing/index.ts";

const SLOW_MS = 300;

/** A handler that waits for its database, as in the docs. */
const accounts = () =>
  defineHandlers({
    async message(connection, data) {
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      connection.send(`paid ${data.toString()}`);
    },
  });

async function failureOf(run: Promise<unknown>): Promise<SimulationError> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SimulationError) return error;
  throw new Error(`expected a SimulationError, got ${String(error)}`);
}

describe("the test kit", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });

  it("tells a story of a shutdown, in virtual time", async () => {
    const { report } = await simulate(
      { handlers: accounts },
      async ({ open, server, time }) => {
        const ann = await open("/?user=ann", { name: "ann" });
        ann.send("10 to bob");
        await time.advance(20);
        const ending = server.shutdown();
        await time.advance(SLOW_MS);
        expect(await ann.next()).toBe("paid 10 to bob");
        expect(await ann.closed()).toMatchObject({ code: 1001 });
        expect((await ending).outcomes.clean).toBe(1);
      },
    );
    expect(report.balanced).toBe(true);
  });

  it("plays the same for the same seed, and differently for another", async () => {
    const play = async (seed: number): Promise<string> => {
      const { hash } = await simulate(
        { handlers: accounts, shards: 2, seed },
        async ({ open }) => {
          const clients = await Promise.all([open("/a"), open("/b")]);
          for (const client of clients) client.send("1");
          for (const client of clients) await client.next();
        },
      );
      return hash;
    };
    expect(await play(5)).toBe(await play(5));
    expect(await play(5)).not.toBe(await play(6));
  });

  it("loads the module of a URL, once for each shard", async () => {
    await simulate(
      {
        handlers: new URL(
          "../../../src/workers/demo-handlers.ts",
          import.meta.url,
        ),
        shards: 2,
      },
      async ({ open }) => {
        const client = await open("/echo");
        client.send("hello");
        expect(await client.next()).toBe("hello");
      },
    );
  });

  it("has shards that crash and block, and a network that stands still", async () => {
    await simulate(
      { handlers: accounts, shards: 2 },
      async ({ open, shards, network, time, server }) => {
        const client = await open("/");
        shards[0]?.block(50);
        network.hold();
        client.send("1");
        await time.advance(1_000);
        expect(client.texts).toEqual([]);
        network.release();
        expect(await client.next()).toBe("paid 1");
        for (const shard of shards) shard.crash();
        expect(await client.closed()).toEqual({ code: 1006, reason: "" });
        await time.until(() =>
          server
            .stats()
            .shards.every(({ state }) => state === "serving.accepting"),
        );
        expect((await open("/")).isOpen).toBe(true);
      },
    );
  });

  it("says which law was broken, with the story and the seed", async () => {
    const failure = await failureOf(
      simulate(
        {
          handlers: () =>
            defineHandlers({
              message() {
                throw new Error("no such room");
              },
            }),
          seed: 3,
        },
        async ({ open }) => {
          const client = await open("/", { name: "ann" });
          client.send("hello");
          expect(await client.closed()).toMatchObject({ code: 1011 });
        },
      ),
    );
    expect(failure.message).toContain("broken: no hook throws");
    expect(failure.message).toContain("no such room");
    expect(failure.message).toContain('ann says "hello"');
    expect(failure.message).toContain("{ seed: 3 }");
  });

  it("runs the hooks of a class, and knows the end of connections that no hook is told of", async () => {
    class Room {
      opened(connection: Connection): void {
        connection.subscribe("room");
      }
      message(connection: Connection, data: Buffer): void {
        connection.publish("room", data);
      }
    }
    const { report } = await simulate(
      { handlers: () => new Room(), shards: 2 },
      async ({ open, time }) => {
        const ann = await open("/");
        const bob = await open("/");
        const cleo = await open("/");
        cleo.close();
        await cleo.closed();
        await time.advance(100);
        ann.send("hello");
        expect(await bob.next()).toBe("hello");
      },
    );
    expect(report.outcomes.clean).toBe(3);
  });

  it("holds nobody to what two halves of a message make", async () => {
    await simulate({ handlers: accounts }, async ({ open, time }) => {
      const ann = await open("/");
      ann.send("1");
      ann.sendHalf("1");
      ann.sendHalf("1");
      await time.advance(2_000);
      expect(ann.texts[0]).toBe("paid 1");
    });
  });

  it("plays a life again from its code, and says which command that is", async () => {
    const unpaid = {
      handlers: accounts,
      laws: {
        "nobody is ever paid": ({ clients }) => clients.length === 0,
      },
    } satisfies LivesOptions<undefined>;
    const { errorInstance: first } = await fc.check(lives(unpaid), {
      numRuns: 100,
      seed: 1,
    });
    const { steps, replay, message } = first as SimulationError;
    expect(steps).toEqual([expect.stringMatching(/ connects to \/$/)]);
    expect(message).toContain(`the story:\n  1. ${steps[0]}\n`);
    const [, code = ""] =
      /^SLUICE_LIFE=(\S+) npx vitest run test\/unit\/testing\/kit\.test\.ts$/.exec(
        replay,
      ) ?? [];
    vi.stubEnv("SLUICE_LIFE", code);
    const again = await fc.check(lives(unpaid), { numRuns: 100, seed: 2 });
    expect(again).toMatchObject({ failed: true, numRuns: 1, numShrinks: 0 });
    expect((again.errorInstance as SimulationError).steps).toEqual(steps);
    vi.stubEnv("SLUICE_LIFE", "nonsense");
    expect(() => lives({ handlers: accounts })).toThrow(
      "SLUICE_LIFE: nonsense is no life",
    );
  });

  it("plays one seed again, whatever seeds a script has", async () => {
    vi.stubEnv("SLUICE_SEED", "17");
    const seeds: number[] = [];
    await simulate({ handlers: accounts, seeds: 20 }, ({ seed }) => {
      seeds.push(seed);
    });
    expect(seeds).toEqual([17]);
    vi.stubEnv("SLUICE_SEED", "many");
    await expect(simulate({ handlers: accounts }, () => {})).rejects.toThrow(
      "SLUICE_SEED: got many",
    );
  });

  it("holds laws that throw by their name, gauges against what they were, and waits for no law", async () => {
    let open = 3;
    const messageOf = async (
      options: Partial<LivesOptions<undefined>>,
    ): Promise<string> => {
      const { errorInstance } = await fc.check(
        lives({ handlers: accounts, maxSteps: 1, ...options }),
        { numRuns: 1 },
      );
      return String(errorInstance);
    };
    const throws = (): boolean => {
      throw new Error("ann is missing");
    };
    expect(await messageOf({ laws: { "all are here": throws } })).toContain(
      "broken: all are here\n  ann is missing",
    );
    const patient = (async () => {}) as () => void;
    expect(await messageOf({ laws: { "is patient": patient } })).toContain(
      'the law "is patient" is async',
    );
    expect(await messageOf({ gauges: { open: () => open++ } })).toContain(
      "broken: open is what it was, when everybody has gone\n  it was",
    );
  });

  it("says what handlers it takes", async () => {
    const path = "handlers.ts" as unknown as URL;
    await expect(simulate({ handlers: path }, () => {})).rejects.toThrow(
      'handlers: got "handlers.ts", takes the URL of a module',
    );
    const missing = new URL("nowhere.ts", import.meta.url);
    await expect(simulate({ handlers: missing }, () => {})).rejects.toThrow(
      "handlers: there is no file",
    );
  });

  it("refuses what it cannot simulate, and names it", async () => {
    await expect(
      simulate({ handlers: accounts, server: { compression: true } }, () => {}),
    ).rejects.toThrow("server.compression: compression is not simulated");
    vi.useFakeTimers();
    await expect(simulate({ handlers: accounts }, () => {})).rejects.toThrow(
      "turn the test runner's fake timers off",
    );
  });

  it("leaves the test runner's own clock alone", async () => {
    const before = Date.now();
    await simulate({ handlers: accounts }, async ({ time }) => {
      await time.advance(3_600_000);
      expect(Date.now() - before).toBeLessThan(600_000);
    });
  });

  it("finds within 100 lives that state does not survive a move, and tells it in a few sentences", async () => {
    const forgetful = () =>
      defineHandlers<{ count: number }>({
        opened(connection) {
          connection.data = { count: 0 };
        },
        message(connection) {
          connection.send(`message ${++connection.data.count}`);
        },
        suspend: () => ({ count: 0 }),
        resume(connection, state) {
          connection.data = state as { count: number };
        },
      });
    const details = await fc.check(
      lives({
        handlers: forgetful,
        shards: 2,
        server: { trialMs: 20 },
        faults: ["move"],
        maxSteps: 12,
        laws: [
          law("messages are counted on", ({ clients }) =>
            clients.every(({ texts }) =>
              texts.every((text, index) => text === `message ${index + 1}`),
            ),
          ),
        ],
      }),
      { numRuns: 100, seed: 1 },
    );
    expect(details.failed).toBe(true);
    const [, steps] = details.counterexample as [number, unknown[]];
    expect(steps.length).toBeLessThanOrEqual(6);
    expect(String(details.errorInstance)).toContain("messages are counted on");
  }, 120_000);
});
