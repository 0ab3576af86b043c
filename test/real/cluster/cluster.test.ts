import { beforeAll, expect, it } from "vitest";
import type { ServerOptions, SluiceServer } from "../../../src/index.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

/** An instance of the cluster on that NATS, once it is linked. */
async function startInstance(
  nats: NatsServer,
  options: ServerOptions = {},
): Promise<SluiceServer & { readonly port: number }> {
  const server = await startServer({
    workers: 2,
    balance: "round-robin",
    handlers: TOPIC_SERVICE,
    nats: [nats.url],
    clusterHeartbeatMs: 200,
    ...options,
  });
  await until("the link", () => server.stats().cluster?.state === "connected");
  return server;
}

it("carries messages to the other instance, once, in order, text and binary", async () => {
  const nats = await NatsServer.start();
  const [one, two] = [await startInstance(nats), await startInstance(nats)];
  const ann = await Member.join(one.port, "news");
  const bob = await Member.join(two.port, "news", "binary");
  await until("bob's instance subscribes", async () => {
    const { cluster } = await one.subscribers("news");
    return cluster === 2;
  });
  await ann.order({ do: "pace", topic: "news", count: 500, bytes: 500 });
  const heard = await bob.hearsAll(500);
  expect(heard.map((text) => Number.parseInt(text, 10))).toEqual(
    heard.map((_, index) => index),
  );
  ann.client.send(Buffer.from([1, 2, 3]));
  expect([...((await bob.client.next())?.payload ?? [])]).toEqual([1, 2, 3]);
  two.publish("news", "from main");
  expect(await ann.hears()).toBe("from main");
  expect(await bob.hears()).toBe("from main");
  expect(one.stats().cluster).toMatchObject({ unsent: 0, missed: 0 });
  expect(two.stats().cluster).toMatchObject({ received: 501, missed: 0 });
});

it("counts, watches and lists over all instances", async () => {
  const nats = await NatsServer.start();
  const [one, two] = [
    await startInstance(nats, { acceptRate: 250 }),
    await startInstance(nats),
  ];
  const events: string[] = [];
  one.watch("news", ({ type, instance }) => {
    events.push(`${type} ${instance === two.instance ? "two" : "one"}`);
  });
  await Member.join(one.port, "news");
  const bob = await Member.join(two.port, "news");
  await until("both are counted", async () => {
    const count = await two.subscribers("news");
    return count.here === 1 && count.cluster === 2 && count.isComplete;
  });
  bob.client.destroy();
  await until("the leave is told", () => events.includes("left two"));
  expect(events).toEqual(["joined one", "joined two", "left two"]);
  const listed = await one.instances();
  expect(listed.map(({ id }) => id).toSorted()).toEqual(
    [one.instance, two.instance].toSorted(),
  );
  expect(listed.find(({ id }) => id === one.instance)).toMatchObject({
    address: `127.0.0.1:${one.port}`,
    state: "listening",
    acceptRate: 250,
    workers: 2,
  });
});

it("goes on locally while NATS is away, holds back, and comes back by itself", async () => {
  const nats = await NatsServer.start();
  const [one, two] = [await startInstance(nats), await startInstance(nats)];
  const ann = await Member.join(one.port, "news");
  const bob = await Member.join(one.port, "news");
  const eve = await Member.join(two.port, "news");
  await until("all are known", async () => {
    const { cluster } = await one.subscribers("news");
    return cluster === 3;
  });
  await nats.kill();
  await until(
    "it is noticed",
    () => one.stats().cluster?.state !== "connected",
  );
  expect(one.ready).toBe(true);
  await ann.order({ do: "publish", topic: "news", text: "while away" });
  expect(await bob.hears()).toBe("while away");
  await until("it is held", () => one.stats().cluster?.heldMessages === 1);
  await nats.restart();
  expect(await eve.hears()).toBe("while away");
  await ann.order({ do: "publish", topic: "news", text: "back" });
  expect(await eve.hears()).toBe("back");
  expect(two.stats().cluster).toMatchObject({ missed: 0, reconnects: 1 });
});
