import { setFlagsFromString } from "node:v8";
import { constants, deflateRawSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";

// Threads that start from here on can be asked to collect their garbage.
setFlagsFromString("--expose-gc");

const KIB = 1024;
const RSV1 = 0b100;
/** As many as a hundredth of the short lives: see leak.test.ts. */
const CONNECTIONS = Number(process.env["LEAK_CONNECTIONS"] ?? 5_000) / 100;
/** What each of them does again and again. */
const ROUNDS = Number(process.env["LEAK_CONNECTIONS"] ?? 5_000) / 1_000;
/** What a thread may hold more than before, whatever was done. */
const NOISE_BYTES = 1.5 * KIB * KIB;
/** What one connection may have come to besides, once it has done everything: fields that are made when they are needed. */
const CONNECTION_BYTES = 2 * KIB;

interface Held {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** Says a message, and waits for its echo. */
async function echo(
  client: RawClient,
  payload: Buffer,
  bytes = frame(OPCODE.binary, payload),
): Promise<void> {
  client.write(bytes);
  for (;;) {
    const reply = await client.next();
    if (reply?.opcode === OPCODE.binary || reply === undefined) return;
  }
}

/** A message in fragments, with pings between them. */
function inFragments(payload: Buffer): Buffer {
  const pieces = [frame(OPCODE.binary, "", { isFinal: false })];
  for (let at = 0; at < payload.length; at += 100)
    pieces.push(
      frame(OPCODE.continuation, payload.subarray(at, at + 100), {
        isFinal: false,
      }),
      frame(OPCODE.ping, "p"),
    );
  pieces.push(frame(OPCODE.continuation, ""));
  return Buffer.concat(pieces);
}

function compressed(payload: Buffer): Buffer {
  const finishFlush = constants.Z_SYNC_FLUSH;
  const deflated = deflateRawSync(payload, { finishFlush }).subarray(0, -4);
  return frame(OPCODE.binary, deflated, { reserved: RSV1 });
}

/** Everything that makes a server hold something for a while. */
async function everything(client: RawClient): Promise<void> {
  const small = Buffer.alloc(100, "small");
  const medium = Buffer.alloc(5 * KIB, "medium");
  const large = Buffer.alloc(100 * KIB, "large");
  await echo(client, small);
  await echo(client, large);
  await echo(client, medium, inFragments(medium));
  for (const payload of [medium, large])
    await echo(client, payload, compressed(payload));
  const cut = frame(OPCODE.binary, medium);
  client.write(cut.subarray(0, 3_000));
  await echo(client, medium, cut.subarray(3_000));
}

async function openAll(server: TestServer): Promise<RawClient[]> {
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      RawClient.open(
        server.port,
        "/echo",
        { "Sec-WebSocket-Extensions": "permessage-deflate" },
        { isCleanedUp: false },
      ),
    ),
  );
  onTestFinished(() => {
    for (const client of clients) client.destroy();
  });
  return clients;
}

describe("a leak in connections that stay", () => {
  it(
    "is not to be found, whatever has gone over them and however often",
    { timeout: 600_000 },
    async () => {
      const server = await startServer({ compression: true });
      const observer = await RawClient.open(server.port, "/resources");
      const look = async (): Promise<number> => {
        observer.send("?");
        const held = JSON.parse(await observer.message()) as Held;
        return held.heapBytes + held.bufferBytes;
      };
      const clients = await openAll(server);
      const rounds = async (count: number): Promise<void> => {
        for (let round = 0; round < count; round++) {
          await Promise.all(clients.map(everything));
          // What has come to the test's own side is read, and not kept.
          for (const client of clients) client.received = [];
        }
      };
      const isBack = async (bytes: number): Promise<number> => {
        let held = Infinity;
        // A collection frees buffers later than the objects that held them.
        await until("nothing is held", async () => {
          held = await look();
          return held < bytes && server.stats().shards[0]?.heldBytes === 0;
        }).catch(() => {});
        return held;
      };
      // The first round warms up: code is compiled, contexts are made.
      await rounds(1);
      const first = await isBack(await look());
      await rounds(ROUNDS);
      const most = first + NOISE_BYTES;
      expect(await isBack(most)).toBeLessThan(most);
      expect(server.stats().shards[0]?.heldBytes).toBe(0);
    },
  );

  it("would be seen: what is counted as held is what the thread holds", async () => {
    const server = await startServer();
    const observer = await RawClient.open(server.port, "/resources");
    const look = async (): Promise<number> => {
      observer.send("?");
      const held = JSON.parse(await observer.message()) as Held;
      return held.heapBytes + held.bufferBytes;
    };
    const clients = await openAll(server);
    await look();
    const before = await look();
    const bytesIn = (): number => server.stats().shards[0]?.bytesIn ?? 0;
    const begun = frame(OPCODE.binary, Buffer.alloc(200 * KIB));
    const goal = bytesIn() + CONNECTIONS * 150 * KIB;
    for (const client of clients) client.write(begun.subarray(0, 150 * KIB));
    await until("all is read", () => bytesIn() >= goal);
    const counted = server.stats().shards[0]?.heldBytes ?? 0;
    expect(counted).toBeGreaterThan(CONNECTIONS * 150 * KIB);
    const most = counted + NOISE_BYTES + CONNECTIONS * CONNECTION_BYTES;
    let held = Infinity;
    // What a buffer has outgrown is collected later.
    await until("the rest is collected", async () => {
      held = (await look()) - before;
      return held < most;
    }).catch(() => {});
    expect(held).toBeLessThan(most);
    expect(held).toBeGreaterThan(counted - NOISE_BYTES);
  });
});
