/* oxlint-disable vitest/valid-title, vitest/expect-expect -- the law's name is the title */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Fault,
  faults,
  lives,
  type LivesOptions,
} from "../../src/testing/fast-check.ts";
import { simulate } from "../../src/testing/index.ts";
import { law } from "../support/laws.ts";
import { createService, orders } from "./service.ts";

/** What `npm test` has to see. */
const LIVES = 100;
const CLUSTERED_LIVES = 10;
const LEAST_CALLS = 150;
const TIME_LIMIT_MS = 30_000;

const handlers = createService;
const server = { admin: true };

/** Calls that were made, by what they asked for. */
const asked = new Map<string, number>();

/** The inspector is asked about as often as all else together goes wrong. */
const mostlyAsking: readonly Fault[] = [
  ...faults,
  ...Array.from({ length: faults.length }, (): Fault => "inspect"),
];

const life: LivesOptions<undefined> = {
  handlers,
  server,
  messages: fc.constantFrom(...orders),
  paths: fc.constantFrom("/", "/a", "/b"),
  variesOptions: true,
  faults: mostlyAsking,
  maxSteps: 70,
  onEnd: ({ story }) => {
    for (const sentence of story) {
      const [, method, path] =
        /^the inspector .* is asked: (\w+) ([^? ]+)/.exec(sentence) ?? [];
      if (path === undefined) continue;
      const kind = `${method} ${path.replaceAll(/\d+/g, "1")}`;
      asked.set(kind, (asked.get(kind) ?? 0) + 1);
    }
  },
};

describe("the inspector of a server in simulation", () => {
  law(
    "answers everybody, and harms nobody, whatever it is asked and becomes of its server",
    lives(life),
    { runs: LIVES, timeLimitMs: TIME_LIMIT_MS },
  );

  law(
    "answers everybody as one of several, whatever becomes of NATS",
    lives({ ...life, instances: 2 }),
    { runs: CLUSTERED_LIVES, timeLimitMs: TIME_LIMIT_MS },
  );

  it("was asked enough to say so", () => {
    const calls = [...asked.values()].reduce((sum, count) => sum + count, 0);
    console.log(`${calls} calls of ${asked.size} kinds`);
    if (process.env["SLUICE_PROPERTY_RUNS"] !== undefined) return;
    expect(calls).toBeGreaterThanOrEqual(LEAST_CALLS);
  });

  it("answers during a shutdown that it was asked for, and whoever watches hears how that ended", async () => {
    await simulate(
      { handlers, server, seeds: 5 },
      async ({ open, inspect, time }) => {
        const ann = await open("/");
        ann.send("slow 250");
        await time.advance(20);
        const events = inspect("/api/events");
        const begun = await inspect("/api/shutdown", { fields: {} });
        expect(begun.status).toBe(202);
        const status = await inspect("/api/status");
        expect(JSON.parse(status.text)).toMatchObject({
          server: { ready: false, shutdown: { reason: "inspector" } },
        });
        expect((await inspect("/readyz")).status).toBe(503);
        const late = await inspect("/api/reload", { fields: {} });
        expect(late.status).toBe(409);
        expect((await ann.closed()).code).toBe(1001);
        expect((await events).text).toMatch(/"state":"terminated".*"clean":1/);
      },
    );
  });

  it("calls a shutdown off, and serves on", async () => {
    await simulate(
      {
        handlers,
        server: { admin: true, shutdownDelayMs: 500 },
        seeds: 5,
      },
      async ({ open, inspect }) => {
        const ann = await open("/");
        await inspect("/api/shutdown", { fields: {} });
        const off = await inspect("/api/shutdown/call-off", { fields: {} });
        expect(off.status).toBe(200);
        const again = await inspect("/api/shutdown/call-off", { fields: {} });
        expect(again.status).toBe(409);
        ann.send("hello");
        expect(await ann.next()).toBe("heard hello 1");
      },
    );
  });

  it("is the new process's after an upgrade, and whoever watched the old one is let go", async () => {
    await simulate(
      { handlers, server, shards: 2, seeds: 5 },
      async ({ open, inspect, processes, time }) => {
        const ann = await open("/");
        const before = processes[0]?.pid;
        const watching = inspect("/api/events");
        const upgraded = await inspect("/api/upgrade", { fields: {} });
        expect(upgraded.status).toBe(200);
        expect(JSON.parse(upgraded.text)).toMatchObject({ moved: 1 });
        expect((await watching).text).not.toContain(`"state":"terminated"`);
        await time.advance(50);
        const list = await inspect("/api/connections");
        expect(JSON.parse(list.text)).toMatchObject({
          rows: [{ id: "c1", path: "/" }],
          matching: 1,
        });
        expect(processes[0]?.pid).toBe(before);
        ann.send("hello");
        expect(await ann.next()).toBe("suspending");
      },
    );
  });

  it("lists those whose shard answers, and says which do not", async () => {
    await simulate(
      { handlers, server, shards: 2, seeds: 3 },
      async ({ open, inspect, shards, time }) => {
        await open("/a");
        await open("/b");
        shards[0]?.block(10_000);
        const list = await inspect("/api/connections");
        expect(JSON.parse(list.text)).toMatchObject({
          matching: 1,
          unanswered: [0],
        });
        const askedAt = time.now;
        const again = inspect("/api/connections");
        await time.advance(10);
        shards[0]?.crash();
        expect(JSON.parse((await again).text)).toMatchObject({ matching: 1 });
        expect(time.now - askedAt).toBeLessThan(500);
      },
    );
  });

  it("tells whoever follows a connection of each of its transitions, and looks at it no longer than that", async () => {
    await simulate(
      { handlers, server, shards: 2, seeds: 5 },
      async ({ open, inspect, server: operated, time }) => {
        const ann = await open("/");
        const left = inspect("/api/connections/c1/events", {
          leaveAfterMs: 30,
        });
        const following = inspect("/api/connections/c1/events");
        await time.advance(50);
        await left;
        await operated.drain({ shard: 0, move: true }).done;
        await operated.rebalance();
        ann.close();
        const { text } = await following;
        expect(text).toMatch(/^event: facts\ndata: .*"id":"c1"/);
        expect(text).toContain(`"to":"open.moving"`);
        expect(text).toMatch(/"isFinal":true.*\n\n$/);
      },
    );
  });
});
