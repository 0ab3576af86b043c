import { setFlagsFromString } from "node:v8";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frame, OPCODE } from "../../src/testing/frame-codec.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { startServer, type TestServer } from "../../test/support/server.ts";
import { until } from "../../test/support/within.ts";
import { seed } from "../support/laws.ts";
import { brokenStreams, type Stream } from "./frame-streams.ts";
import { playStream, UNSURE_PATIENCE_MS } from "./play-stream.ts";

// Threads that start from here on can be asked to collect their garbage.
setFlagsFromString("--expose-gc");

const AT_ONCE = 10;
const WARM_UP = 200;
const STREAMS = 1_000;
/** What a thread may hold more, of its heap and its buffers, than before; caches, compiled code. */
const NOISE_BYTES = 2 * 1024 * 1024;
const MAX_PAYLOAD_BYTES = 100_000;
const MARKS = {
  highWaterMarkBytes: 64 * 1024,
  lowWaterMarkBytes: 16 * 1024,
  maxBufferedBytes: 1024 * 1024,
  congestionDeadlineMs: 500,
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
};

interface Held {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** What the thread holds once all but the one who asks have gone. */
async function held(server: TestServer, observer: RawClient): Promise<Held> {
  await until("the others have gone", () => {
    const { live, upgrading } = server.stats().ledger;
    return live === 1 && upgrading === 0;
  });
  observer.send("?");
  return JSON.parse(await observer.message()) as Held;
}

async function playAll(
  port: number,
  streams: readonly Stream[],
): Promise<void> {
  for (let at = 0; at < streams.length; at += AT_ONCE)
    await Promise.all(
      streams
        .slice(at, at + AT_ONCE)
        .map(
          async (stream) => await playStream(port, stream, UNSURE_PATIENCE_MS),
        ),
    );
}

describe("the memory of a shard", () => {
  it("is what it was once everyone has gone, whatever they sent", async () => {
    const server = await startServer({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
    const observer = await RawClient.open(server.port, "/resources");
    const streams = fc.sample(brokenStreams, { numRuns: STREAMS, seed });
    await playAll(server.port, streams.slice(0, WARM_UP));
    const before = await held(server, observer);
    await playAll(server.port, streams);
    let growth = Infinity;
    // A collection frees buffers later than the objects that held them.
    await until("it is what it was", async () => {
      const after = await held(server, observer);
      growth = Math.max(
        after.heapBytes - before.heapBytes,
        after.bufferBytes - before.bufferBytes,
      );
      return growth < NOISE_BYTES;
    }).catch(() => {});
    expect(growth).toBeLessThan(NOISE_BYTES);
  });

  it.each([
    ["pongs", frame(OPCODE.ping, Buffer.alloc(125))],
    ["echoes", frame(OPCODE.binary, Buffer.alloc(16_000))],
  ])(
    "is not filled with %s that nobody reads: the connection is told to go",
    async (_name, piece) => {
      const server = await startServer(MARKS);
      const client = await RawClient.open(server.port);
      const many = Buffer.concat(
        Array.from({ length: Math.ceil(500_000 / piece.length) }, () => piece),
      );
      client.socket.pause();
      const isLeaving = (): boolean => {
        const { states } = server.stats();
        return Object.entries(states).some(
          ([state, count]) => /^(closing|draining)/.test(state) && count > 0,
        );
      };
      // More than the kernel keeps for both, and much more than the limit.
      for (let sent = 0; sent < 100 && !isLeaving(); sent++) {
        client.socket.write(many);
        await new Promise(setImmediate);
      }
      await until("it is told to go", isLeaving);
      client.onFrame = undefined;
      client.socket.resume();
      expect((await client.closeFrame()).code).toBe(1013);
    },
  );
});
