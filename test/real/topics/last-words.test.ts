import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { OPCODE } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";

const HANDLERS = fileURLToPath(new URL("obituary-service.ts", import.meta.url));
const CLIENTS = 30;
const ROUNDS = 10;

const ALL_ONCE: { lost: string[]; twice: string[] } = { lost: [], twice: [] };

/** Hears who has gone. */
class Witness {
  readonly heard: string[] = [];
  readonly client: RawClient;
  #nameOf = (text: string): string => text;

  constructor(client: RawClient) {
    this.client = client;
    client.onFrame = ({ opcode, payload }) => {
      if (opcode === OPCODE.text)
        this.heard.push(this.#nameOf(payload.toString()));
    };
  }

  static async on(server: TestServer, shard: number): Promise<Witness> {
    return new Witness(await openOn(server, shard, "/witness"));
  }

  /** From now on, and of what was heard, names are paths alone. */
  forgetShards(): void {
    this.#nameOf = (text) => text.slice(text.indexOf("/"));
    this.heard.splice(0, Infinity, ...this.heard.map(this.#nameOf));
  }

  /** Waits until everyone of these was named, and tells who was not, or twice. */
  async hears(names: readonly string[]): Promise<typeof ALL_ONCE> {
    const missing = (): string[] => {
      const heard = new Set(this.heard);
      return names.filter((name) => !heard.has(name));
    };
    // What has not come by then is told below.
    await until("all came", () => missing().length === 0).catch(() => {});
    const times = new Map<string, number>();
    for (const name of this.heard) times.set(name, (times.get(name) ?? 0) + 1);
    const twice = names.filter((name) => (times.get(name) ?? 0) > 1);
    return { lost: missing(), twice };
  }
}

/** A polite client on a certain shard, or nobody: round-robin brings every second one there. */
async function tryOn(
  { port }: TestServer,
  shard: number,
  path: string,
): Promise<RawClient | undefined> {
  const client = await RawClient.open(port, path);
  client.send("where");
  if ((await client.message()) !== `shard ${shard}`) {
    client.destroy();
    return undefined;
  }
  client.onFrame = ({ opcode }) => {
    if (opcode === OPCODE.close) client.sendClose(1001);
  };
  return client;
}

async function openOn(
  server: TestServer,
  shard: number,
  path: string,
): Promise<RawClient> {
  for (;;) {
    const client = await tryOn(server, shard, path);
    if (client !== undefined) return client;
  }
}

/** Opens some on a shard, and tells by which names their ends are told. */
async function populate(
  server: TestServer,
  shard: number,
  generation: number,
): Promise<string[]> {
  const names: string[] = [];
  for (let number = 0; names.length < CLIENTS; number++) {
    const path = `/${generation}-${number}`;
    const client = await tryOn(server, shard, path);
    if (client !== undefined) names.push(`${shard}${path}`);
  }
  return names;
}

const startTwo = (): Promise<TestServer> =>
  startServer({
    workers: 2,
    balance: "round-robin",
    handlers: HANDLERS,
    closeRate: "unlimited",
    shutdownDeadlineMs: 10_000,
    trialMs: 50,
  });

describe("what a shard publishes as it ends", () => {
  it("reaches every subscriber once, through many restarts", async () => {
    const server = await startTwo();
    const witness = await Witness.on(server, 0);
    const names: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      names.push(...(await populate(server, 1, round)));
      await server.restartShard(1);
    }
    expect(await witness.hears(names)).toEqual(ALL_ONCE);
  });

  it("reaches every subscriber once when its connections are drained before each restart", async () => {
    const server = await startTwo();
    const witness = await Witness.on(server, 0);
    const names: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      names.push(...(await populate(server, 1, round)));
      const drain = server.drain({ shard: 1 });
      await server.restartShard(1);
      await drain.done;
    }
    expect(await witness.hears(names)).toEqual(ALL_ONCE);
  });

  it("reaches a shard that was blocked until the next thread was there, in order", async () => {
    const server = await startTwo();
    const directory = await mkdtemp(join(tmpdir(), "sluice-last-words-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const witness = await Witness.on(server, 0);
    const names: string[] = [];
    for (let round = 0; round < 3; round++) {
      names.push(...(await populate(server, 1, round)));
      const speaker = await openOn(server, 0, `/9-${round}`);
      const file = join(directory, `go-on-${round}`);
      speaker.send(`block ${file}`);
      await until(
        "shard 0 is blocked",
        () => server.stats().shards[0]?.isBlocked,
      );
      await server.restartShard(1);
      // Nobody can connect to shard 0 now: every second one comes through.
      const client = RawClient.open(server.port, "/late");
      const other = RawClient.open(server.port, "/late");
      const late = await Promise.race([client, other]);
      late.send(`after-${round}`);
      await until("it was said", () => server.stats().shards[1]?.messagesIn);
      names.push(`after-${round}`);
      await writeFile(file, "");
      for (const each of await Promise.all([client, other])) each.destroy();
      speaker.destroy();
    }
    expect(await witness.hears(names)).toEqual(ALL_ONCE);
    const known = witness.heard.filter((name) => names.includes(name));
    const generations = known.map((name) =>
      name.startsWith("after") ? Number(name.at(-1)) + 0.5 : Number(name[2]),
    );
    expect(generations).toEqual(generations.toSorted((a, b) => a - b));
  });

  it("links both shards anew in both directions, also after a reload and a crash", async () => {
    const server = await startTwo();
    const talk = async (round: string): Promise<void> => {
      const indexes = server.stats().shards.map(({ shard }) => shard);
      const witnesses: Witness[] = [];
      for (const index of indexes)
        witnesses.push(await Witness.on(server, index));
      const names: string[] = [];
      for (const index of indexes) {
        const name = `${round}-from-${index}`;
        (await openOn(server, index, "/speaker")).send(name);
        names.push(name);
      }
      for (const witness of witnesses)
        expect(await witness.hears(names)).toEqual(ALL_ONCE);
      for (const { client } of witnesses) client.destroy();
    };
    await talk("start");
    await server.restartShard(0);
    await talk("restarted-0");
    await Promise.all([server.restartShard(0), server.restartShard(1)]);
    await talk("restarted-both");
    await server.reload();
    await talk("reloaded");
    const [first = 0] = server.stats().shards.map(({ shard }) => shard);
    (await openOn(server, first, "/9")).send("crash");
    await until("the crash", () => server.stats().ledger.outcomes.crashed > 0);
    await until("its next thread", () =>
      server.stats().shards.every(({ state }) => state === "serving.accepting"),
    );
    await talk("crashed");
  });

  it("reaches every subscriber once when it comes from a shard that a reload has brought", async () => {
    const server = await startTwo();
    const witness = await Witness.on(server, 0);
    const names: string[] = [];
    for (let round = 0; round < 4; round++) {
      const [first = 0] = server.stats().shards.map(({ shard }) => shard);
      names.push(...(await populate(server, first, round)));
      await server.reload();
      // They live on, on another shard: now they go.
      await server.drain({ pathPrefix: `/${round}-` }).done;
    }
    // Whoever has moved ended elsewhere than it began.
    witness.forgetShards();
    expect(await witness.hears(names.map((name) => name.slice(1)))).toEqual(
      ALL_ONCE,
    );
  });

  it("is not lost in a crash, but for the turn in which it dies", async () => {
    const server = await startTwo();
    const witness = await Witness.on(server, 0);
    (await openOn(server, 1, "/9")).send("crash");
    await until("the crash", () => server.stats().ledger.outcomes.crashed > 0);
    expect(await witness.hears(["the last words"])).toEqual(ALL_ONCE);
  });

  it("is heard by those whom main sends away after it has published", async () => {
    const server = await startTwo();
    const witnesses = [
      await Witness.on(server, 0),
      await Witness.on(server, 1),
    ];
    server.publish("gone", "goodbye");
    server.drain();
    for (const witness of witnesses)
      expect(await witness.hears(["goodbye"])).toEqual(ALL_ONCE);
  });
});
