import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { channels } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { openMany } from "../../support/crowd.ts";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { ACCEPT, RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";

// Threads that start from here on can be asked to collect their garbage.
setFlagsFromString("--expose-gc");

const MIB = 1024 * 1024;
/** What a thread may hold more than before: code, caches, the memory that small buffers share. */
const NOISE_BYTES = 2 * MIB;

interface Held {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** Tells what the server's only thread holds more than it did when this began. */
async function beginWatch(server: TestServer): Promise<() => Promise<number>> {
  const observer = await RawClient.open(server.port, "/resources");
  const look = async (): Promise<number> => {
    observer.send("?");
    const held = JSON.parse(await observer.message()) as Held;
    return held.heapBytes + held.bufferBytes;
  };
  // The first answer warms up.
  await look();
  const before = await look();
  return async () => (await look()) - before;
}

/** Until the server has read so many bytes of the clients. */
async function untilRead(server: TestServer, bytes: number): Promise<void> {
  const { bytesIn = 0 } = server.stats().shards[0] ?? {};
  const wanted = bytesIn + bytes;
  await until(
    "all is read",
    () => (server.stats().shards[0]?.bytesIn ?? 0) >= wanted,
  );
}

/** What is held once the collector had its time, if that is little; else what was held last. */
async function settled(held: () => Promise<number>): Promise<number> {
  let growth = Infinity;
  // A collection frees buffers later than the objects that held them.
  await until("little is held", async () => {
    growth = await held();
    return growth < NOISE_BYTES;
  }).catch(() => {});
  return growth;
}

const PONG = frame(OPCODE.pong, Buffer.alloc(125));
const EMPTY = frame(OPCODE.text, "");
const pongs = Buffer.concat(Array.from({ length: 250 }, () => PONG));

describe("what a client makes the server hold", () => {
  it("is as much as its message has, in fragments of one byte between pongs", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port);
    const held = await beginWatch(server);
    const fragment = frame(OPCODE.continuation, "x", { isFinal: false });
    const pieces = [frame(OPCODE.text, "x", { isFinal: false })];
    for (let count = 0; count < 500; count++) pieces.push(pongs, fragment);
    const all = Buffer.concat(pieces);
    const isRead = untilRead(server, all.length);
    client.write(all);
    await isRead;
    expect(await settled(held)).toBeLessThan(NOISE_BYTES);
  });

  it("is a few bytes when it has sent a few of a frame, behind as much as it likes", async () => {
    const server = await startServer();
    const clients = await openMany(server.port, 100);
    const held = await beginWatch(server);
    const begun = frame(OPCODE.binary, Buffer.alloc(1_000)).subarray(0, 12);
    // A message in fragments before it, as a client may send it.
    const message = [
      frame(OPCODE.text, "a", { isFinal: false }),
      frame(OPCODE.continuation, "b"),
    ];
    const bytes = Buffer.concat([...message, pongs, pongs, begun]);
    const isRead = untilRead(server, clients.length * bytes.length);
    for (const client of clients) client.write(bytes);
    await isRead;
    expect(await settled(held)).toBeLessThan(NOISE_BYTES);
  });

  it.each([
    ["pong when it pings", frame(OPCODE.ping, Buffer.alloc(125)), 60],
    // A short one: it takes more of them to fill the kernel.
    ["tick when it asks", frame(OPCODE.text, `?${ACCEPT.slice(0, 8)}`), 400],
  ])("is one %s and does not read", async (_, ping, rounds) => {
    const server = await startServer();
    const client = await RawClient.open(server.port, "/echo", {
      "Sec-WebSocket-Protocol": "sluice.v1",
    });
    const held = await beginWatch(server);
    client.socket.pause();
    // More than the kernel keeps of the answers.
    const pings = Buffer.concat(Array.from({ length: 2_000 }, () => ping));
    const isRead = untilRead(server, rounds * pings.length);
    for (let round = 0; round < rounds; round++) client.write(pings);
    await isRead;
    expect(await settled(held)).toBeLessThan(NOISE_BYTES);
    expect(server.stats().states["open.healthy"]).toBe(2);
  });

  it("is bytes, not messages, when handlers are slow", async () => {
    const server = await startServer({ maxHandlersInFlight: 1 });
    const clients = await openMany(server.port, 8, "/slow?ms=60000");
    const held = await beginWatch(server);
    const messages = Buffer.concat(Array.from({ length: 20_000 }, () => EMPTY));
    const isRead = untilRead(server, messages.length);
    for (const client of clients) client.write(messages);
    await isRead;
    expect(await settled(held)).toBeLessThan(NOISE_BYTES);
  });
});

describe("what a client owes and does not give", () => {
  it("is waited for no longer than a message may take", async () => {
    const server = await startServer({ messageDeadlineMs: 100 });
    const client = await RawClient.open(server.port);
    client.write(frame(OPCODE.text, "never whole").subarray(0, 9));
    expect(await client.closed()).toEqual({
      code: 1008,
      reason: "a message was not finished in time",
    });
  });

  it("is no longer waited for, however often it sends a fragment", async () => {
    const server = await startServer({ messageDeadlineMs: 200 });
    const client = await RawClient.open(server.port);
    const fragment = frame(OPCODE.continuation, "x", { isFinal: false });
    client.write(frame(OPCODE.text, "x", { isFinal: false }));
    const trickle = setInterval(() => client.write(fragment), 20);
    const { code } = await client.closeFrame();
    clearInterval(trickle);
    expect(code).toBe(1008);
  });

  it("is reading: who reads nothing of what waits below the mark is closed with 1013", async () => {
    const server = await startServer({
      highWaterMarkBytes: 64 * MIB,
      maxBufferedBytes: 128 * MIB,
      congestionDeadlineMs: 300,
    });
    const client = await RawClient.open(
      server.port,
      "/push?count=200&bytes=60000",
    );
    client.socket.pause();
    client.send("go");
    await until("it is told to go", () =>
      Object.entries(server.stats().states).some(
        ([state, count]) => /^(closing|draining)/.test(state) && count > 0,
      ),
    );
    client.socket.resume();
    expect((await client.closeFrame()).code).toBe(1013);
  });
});

describe("what all clients together make the server hold", () => {
  it("is no more than it may: those who hold most are closed with 1013, and the others go on", async () => {
    const shed = overhear(channels.memory);
    const server = await startServer({ maxMemoryBytes: 16 * MIB });
    const other = await RawClient.open(server.port);
    const clients = await openMany(server.port, 40);
    // Most of a message of the largest size, which is never finished.
    const begun = frame(OPCODE.binary, Buffer.alloc(MIB)).subarray(0, 900_000);
    for (const client of clients) client.write(begun);
    await shed.said({ event: "shed" });
    other.send("still there");
    expect(await other.message()).toBe("still there");
    await until("enough have gone", () => {
      const [shard] = server.stats().shards;
      return (
        (shard?.heldBytes ?? Infinity) <= 16 * MIB && (shard?.shed ?? 0) > 0
      );
    });
    const codes = await Promise.race(
      clients.map(async (client) => (await client.closeFrame(60_000)).code),
    );
    expect(codes).toBe(1013);
    expect(server.stats().shards[0]?.shed).toBeLessThan(40);
  });

  it("is nothing once they have gone", async () => {
    const server = await startServer();
    const clients = await openMany(server.port, 10);
    for (const client of clients)
      client.write(
        frame(OPCODE.binary, Buffer.alloc(MIB)).subarray(0, 100_000),
      );
    await until(
      "it is counted",
      () => (server.stats().shards[0]?.heldBytes ?? 0) >= 1_000_000,
    );
    for (const client of clients) client.destroy();
    await until(
      "nothing is held",
      () => server.stats().shards[0]?.heldBytes === 0,
    );
    expect(server.stats().shards[0]?.shed).toBe(0);
  });
});
