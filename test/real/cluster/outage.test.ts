import { beforeAll, expect, it } from "vitest";
import type { SluiceServer } from "../../../src/index.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

const CLIENTS = 2_000;
const TOPICS = Array.from({ length: 50 }, (_, index) => `topic ${index}`);
const AT_ONCE = 50;

/** What one subscriber has heard of its topic, by publisher. */
class Listener {
  readonly topic: string;
  readonly instance: number;
  readonly heard: number[][] = [[], []];
  readonly #client: RawClient;

  private constructor(client: RawClient, instance: number, topic: string) {
    this.#client = client;
    this.instance = instance;
    this.topic = topic;
    void this.#listen();
  }

  static async open(
    server: { readonly port: number },
    instance: number,
    topic: string,
  ): Promise<Listener> {
    const client = await RawClient.open(
      server.port,
      "/",
      {},
      { isCleanedUp: false },
    );
    client.send(JSON.stringify({ do: "subscribe", topic }));
    expect(await client.message(60_000)).toBe("=true");
    return new Listener(client, instance, topic);
  }

  async #listen(): Promise<void> {
    for (;;) {
      const frame = await this.#client.next(2 ** 30);
      if (frame === undefined) return;
      const [publisher, number] = frame.payload.toString().split(" ");
      this.heard[Number(publisher)]?.push(Number(number));
    }
  }
}

it("reaches 2,000 clients over 50 topics once and in order, and counts what an outage of NATS lost", async () => {
  const nats = await NatsServer.start();
  const servers: (SluiceServer & { readonly port: number })[] = [];
  for (let count = 0; count < 2; count++)
    servers.push(
      await startServer({
        workers: 2,
        handlers: TOPIC_SERVICE,
        nats: [nats.url],
        // These clients answer no pings.
        heartbeatIntervalMs: 0,
        // So little that the outage does not pass without loss.
        maxClusterBufferBytes: 4_096,
      }),
    );
  for (const server of servers) await until("the link", () => isLinked(server));
  const listeners: Listener[] = [];
  for (let first = 0; first < CLIENTS; first += AT_ONCE)
    listeners.push(
      ...(await Promise.all(
        Array.from({ length: AT_ONCE }, (_, offset) => {
          const index = first + offset;
          const server = servers[index % 2] as (typeof servers)[number];
          const topic = TOPICS[Math.floor(index / 2) % TOPICS.length];
          return Listener.open(server, index % 2, topic as string);
        }),
      )),
    );
  const publishers = await Promise.all(
    servers.map(({ port }) => Member.join(port)),
  );
  for (const topic of TOPICS)
    await until("every subscriber is counted", async () => {
      const count = await servers[0]?.subscribers(topic);
      return count?.cluster === CLIENTS / TOPICS.length;
    });

  let round = 0;
  /** Every publisher says its next number to every topic. */
  const publishAll = async (): Promise<void> => {
    await Promise.all(
      publishers.map(async (publisher, instance) => {
        for (const topic of TOPICS)
          publisher.client.send(
            JSON.stringify({
              do: "publish",
              topic,
              text: `${instance} ${round}`,
            }),
          );
        for (let count = 0; count < TOPICS.length; count++)
          expect(await publisher.client.message(60_000)).toBe('="sent"');
      }),
    );
    round++;
  };

  for (let count = 0; count < 10; count++) await publishAll();
  await until(
    "every subscriber has heard every publisher's ten",
    () =>
      listeners.every(({ heard }) =>
        heard.every(({ length }) => length === 10),
      ),
    60_000,
  );
  for (const server of servers)
    expect(server.stats().cluster).toMatchObject({ missed: 0, unsent: 0 });

  // The servers die while messages are on their way, and it goes on.
  const killed = nats.kill();
  for (let count = 0; count < 10; count++) await publishAll();
  await killed;
  await until("the outage is noticed", () => !servers.some(isLinked));
  for (let count = 0; count < 10; count++) await publishAll();
  await nats.restart();
  await until("both are back", () => servers.every(isLinked));
  // Both may not hear each other at once: each number that both hear is the last so far.
  const heardBy = (isRemote: boolean): boolean =>
    listeners.every(
      ({ instance, heard }) =>
        heard[isRemote ? 1 - instance : instance]?.at(-1) === round - 1,
    );
  await until(
    "the cluster delivers again",
    async () => {
      await publishAll();
      await until("the subscribers beside have heard it", () => heardBy(false));
      return await until(
        "those on the other instance have heard it too",
        () => heardBy(true),
        3_000,
      ).catch(() => false);
    },
    60_000,
  );

  const everything = Array.from({ length: round }, (_, index) => index);
  const lost = [0, 0];
  const firstOf = new Set<string>();
  for (const { instance, topic, heard } of listeners) {
    // Its own instance's publisher: unbroken. The other's: once each, in order.
    expect(heard[instance]).toEqual(everything);
    const remote = heard[1 - instance] as number[];
    expect(remote).toEqual([...new Set(remote)].toSorted((a, b) => a - b));
    const key = `${instance} ${topic}`;
    // All subscribers of a topic on one instance miss the same.
    if (!firstOf.has(key)) (lost[instance] as number) += round - remote.length;
    firstOf.add(key);
  }
  expect(firstOf.size).toBe(2 * TOPICS.length);
  expect(servers.map((server) => server.stats().cluster?.missed)).toEqual(lost);
  expect(Math.min(...lost)).toBeGreaterThan(0);
  for (const server of servers)
    expect(server.stats().cluster).toMatchObject({
      undelivered: 0,
      reconnects: 1,
    });
}, 180_000);

function isLinked(server: SluiceServer): boolean {
  return server.stats().cluster?.state === "connected";
}
