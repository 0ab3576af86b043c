import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { beforeAll, expect, it } from "vitest";
import type { ServerOptions } from "../../../src/index.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

const CLIENTS = 30;

async function startInstance(nats: NatsServer, options: ServerOptions = {}) {
  const server = await startServer({
    workers: 2,
    nats: [nats.url],
    clusterHeartbeatMs: 200,
    retryMinMs: 100,
    ...options,
  });
  await until("the link", () => server.stats().cluster?.state === "connected");
  return server;
}

/** A client that lives until its close frame, and tells when it was told to be back. */
async function untilTold(
  client: RawClient,
): Promise<{ code: number; retryAfterMs: number; toldAt: number }> {
  const { code, reason } = await client.closeFrame(60_000);
  const toldAt = performance.now();
  client.sendClose(code);
  await client.ended;
  const [, ms] = /^retry-after-ms=(\d+)$/.exec(reason) ?? [];
  return { code, retryAfterMs: Number(ms), toldAt };
}

it("drains three instances that are told at once one after the other, and their clients find one that listens", async () => {
  const nats = await NatsServer.start();
  const instances = await Promise.all(
    Array.from({ length: 3 }, () =>
      // So that its clients are spread over a second or two.
      startInstance(nats, { shutdownDeadlineMs: 40_000, acceptRate: 15 }),
    ),
  );
  await until("all are listed as listening", async () => {
    const listed = await (instances[0] as (typeof instances)[0]).instances();
    return listed.filter(({ state }) => state === "listening").length === 3;
  });
  const told = await Promise.all(
    instances.map(async ({ port }) =>
      Promise.all(
        Array.from({ length: CLIENTS }, async () =>
          untilTold.bind(
            undefined,
            await RawClient.open(port, "/echo", {}, { isCleanedUp: false }),
          ),
        ),
      ),
    ),
  );
  const ends = new Map<number, number>();
  const starts = new Map<number, number>();
  const reports = Promise.all(
    instances.map(async (instance, index) => {
      const report = await instance.shutdown();
      ends.set(index, performance.now());
      return report;
    }),
  );
  const visits = told.map((clients, index) =>
    Promise.all(
      clients.map(async (tell) => {
        const { code, retryAfterMs, toldAt } = await tell();
        starts.set(index, Math.min(starts.get(index) ?? Infinity, toldAt));
        expect(code).toBe(1001);
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
        return await findsOne(instances.map(({ port }) => port));
      }),
    ),
  );
  const found = await Promise.all(visits);
  for (const report of await reports) {
    expect(report.outcomes.lost).toBe(0);
    expect(report.outcomes.forced).toBe(0);
    expect(report.balanced).toBe(true);
    expect(report.deadlineHeld).toBe(true);
  }
  const order = [0, 1, 2].toSorted(
    (a, b) => (starts.get(a) ?? 0) - (starts.get(b) ?? 0),
  ) as [number, number, number];
  const [first, second, third] = order;
  expect(starts.get(second)).toBeGreaterThan(ends.get(first) as number);
  expect(starts.get(third)).toBeGreaterThan(ends.get(second) as number);
  // Whoever was told by the first two finds a listener; nobody is left behind the third.
  expect(found[first]).toEqual(Array(CLIENTS).fill(true));
  expect(found[second]).toEqual(Array(CLIENTS).fill(true));
});

/** Comes back as a client behind a load balancer does: to whichever instance answers. */
async function findsOne(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) {
    const client = await tryOpen(port);
    if (client === undefined) continue;
    client.sendClose();
    await client.ended;
    return true;
  }
  return false;
}

async function tryOpen(port: number): Promise<RawClient | undefined> {
  try {
    return await RawClient.open(port, "/echo", {}, { isCleanedUp: false });
  } catch {
    return undefined;
  }
}

it("drains all the same when its turn does not come in time", async () => {
  const nats = await NatsServer.start();
  const one = await startInstance(nats, {
    shutdownDeadlineMs: 60_000,
    closeDeadlineMs: 60_000,
  });
  const two = await startInstance(nats, { shutdownDeadlineMs: 2_000 });
  // It does not answer the close frame, and keeps its instance draining.
  const mute = await RawClient.open(one.port);
  const draining = one.shutdown();
  await until("the first drains", () => !one.ready);
  const before = performance.now();
  const ended = two.shutdown();
  expect(two.ready).toBe(true);
  const report = await ended;
  // Three quarters of its time were for waiting.
  expect(performance.now() - before).toBeGreaterThan(1_400);
  expect(report.deadlineHeld).toBe(true);
  mute.destroy();
  await draining;
});

it("takes over the lease of an instance that died", async () => {
  const nats = await NatsServer.start();
  const server = await startInstance(nats, { shutdownDeadlineMs: 30_000 });
  await until("the bucket is there", async () => {
    const listed = await server.instances().catch(() => []);
    return listed.length === 1;
  });
  const connection = await connect({ servers: nats.url });
  const bucket = await new Kvm(connection).open("sluice-default");
  await bucket.create("drain.0", JSON.stringify({ holder: "one that died" }));
  await connection.close();
  const before = performance.now();
  const report = await server.shutdown();
  // Its entry lives for three heartbeats.
  expect(performance.now() - before).toBeGreaterThan(400);
  expect(performance.now() - before).toBeLessThan(15_000);
  expect(report.balanced).toBe(true);
});
