import { describe, expect, it } from "vitest";
import { OPCODE, RSV1 } from "../../../../src/rfc6455.ts";
import { PooledCompression } from "../../../../src/workers/connection/pooled-compression.ts";
import type {
  Deflation,
  Inflated,
} from "../../../../src/workers/websocket/compression.ts";
import type { DeflatePool } from "../../../../src/workers/websocket/deflate-pool.ts";

const KIB = 1024;

/** A pool whose jobs are done when the test says so; compressed is "z" and how long it was. */
class SlowPool {
  turn = 0;
  readonly jobs: (() => void)[] = [];
  readonly calledOff: number[] = [];
  isBroken = false;

  deflateNow(data: Uint8Array): Buffer | undefined {
    return this.isBroken ? undefined : Buffer.from(`z${data.length}`);
  }

  deflateLater(
    data: Uint8Array,
    _windowBits: number,
    done: (deflated: Buffer | undefined) => void,
  ): () => void {
    return this.#add(() => done(Buffer.from(`later z${data.length}`)));
  }

  inflateNow(data: Buffer): Inflated | undefined {
    const length = Number(data.toString());
    if (length > 64 * KIB) return undefined;
    return Buffer.alloc(length);
  }

  inflateLater(_data: Buffer, done: (inflated: Inflated) => void): () => void {
    return this.#add(() => done(Buffer.from("inflated later")));
  }

  #add(job: () => void): () => void {
    const index = this.jobs.push(job) - 1;
    return () => void this.calledOff.push(index);
  }
}

function begin() {
  const pool = new SlowPool();
  const sent: string[] = [];
  let moved = 0;
  const compression = new PooledCompression(
    {
      writer: {
        frame: (opcode, payload) =>
          void sent.push(
            `${(opcode & RSV1) === 0 ? "" : "compressed "}${(opcode & 0xf) === OPCODE.text ? "text" : "binary"} ${payload.length > 50 ? `of ${payload.length}` : payload.toString()}`,
          ),
        bytes: (frames) => void sent.push(frames.toString()),
      },
      shard: { deflatePool: pool as unknown as DeflatePool },
      compressorMoved: () => void moved++,
    },
    15,
  );
  return { compression, pool, sent, moved: () => moved };
}

/** A publication that is ready when the test says so. */
function published(length: number) {
  const listeners: (() => void)[] = [];
  const deflation: { frames: Buffer | null } & Deflation = {
    length,
    frames: null,
    whenReady: (listener) => void listeners.push(listener),
  };
  return {
    publication: { messages: [], deflated: () => deflation },
    listeners,
    ready: (text: string) => {
      deflation.frames = Buffer.from(text);
      for (const listener of listeners.splice(0)) listener();
    },
  };
}

describe("compression that keeps no window", () => {
  it("sends small messages at once, short ones and those that get no shorter as they are", () => {
    const { compression, pool, sent } = begin();
    compression.send("x".repeat(KIB - 1), false);
    compression.send("ä".repeat(KIB / 2), false);
    compression.send(Buffer.alloc(2 * KIB), true);
    pool.isBroken = true;
    compression.send("y".repeat(2 * KIB), false);
    expect(sent).toEqual([
      `text of ${KIB - 1}`,
      `compressed text z${KIB}`,
      `compressed binary z${2 * KIB}`,
      `text of ${2 * KIB}`,
    ]);
    expect([compression.isIdle, compression.bufferedBytes]).toEqual([true, 0]);
  });

  it("keeps the order of messages when one of them takes time", () => {
    const { compression, pool, sent, moved } = begin();
    const news = published(300);
    compression.send(Buffer.alloc(20 * KIB), true);
    compression.send("", false);
    compression.deliver(news.publication);
    const ready = published(4);
    ready.ready("more");
    compression.deliver(ready.publication);
    compression.send("last", false);
    expect([sent, compression.isIdle]).toEqual([[], false]);
    expect(compression.bufferedBytes).toBe(20 * KIB + 300 + 4 + 4 + 1);
    expect(compression.heldBytes).toBe(20 * KIB + 4);
    pool.jobs[0]?.();
    expect(sent).toEqual([`compressed binary later z${20 * KIB}`, "text "]);
    expect(moved()).toBe(1);
    news.ready("news");
    expect(sent.slice(2)).toEqual(["news", "more", "text last"]);
    expect([compression.isIdle, compression.bufferedBytes, moved()]).toEqual([
      true,
      0,
      2,
    ]);
    expect(compression.heldBytes).toBe(0);
  });

  it("is under way also with an empty message alone", () => {
    const { compression } = begin();
    compression.deliver(published(0).publication);
    expect([compression.isIdle, compression.bufferedBytes]).toEqual([false, 1]);
  });

  it("does so much itself in a turn of the event loop, and leaves the rest to others", () => {
    const { compression, pool, sent } = begin();
    for (let count = 0; count < 5; count++)
      compression.send(Buffer.alloc(16 * KIB), true);
    expect([sent.length, pool.jobs.length]).toEqual([4, 1]);
    pool.jobs[0]?.();
    pool.turn++;
    compression.send(Buffer.alloc(16 * KIB), true);
    expect([sent.length, pool.jobs.length]).toEqual([6, 1]);
  });

  it("inflates small messages at once, as many as its turn allows", () => {
    const { compression, pool } = begin();
    const heard: Inflated[] = [];
    const inflate = (length: number): void =>
      compression.inflate(Buffer.from(String(length)), (message) =>
        heard.push(message),
      );
    inflate(10);
    inflate(64 * KIB);
    expect(heard.map((message) => (message as Buffer).length)).toEqual([
      10,
      64 * KIB,
    ]);
    inflate(10);
    expect([heard.length, compression.heldBytes]).toEqual([2, 2]);
    pool.jobs[0]?.();
    expect([String(heard[2]), compression.heldBytes]).toEqual([
      "inflated later",
      0,
    ]);
    pool.turn++;
    inflate(64 * KIB + 1);
    expect([heard.length, pool.jobs.length]).toEqual([3, 2]);
  });

  it("is told nothing once its connection has ended, whatever was under way for it", () => {
    const { compression, pool, sent, moved } = begin();
    const heard: Inflated[] = [];
    compression.send(Buffer.alloc(20 * KIB), true);
    compression.inflate(Buffer.alloc(20 * KIB), (message) =>
      heard.push(message),
    );
    compression.close();
    expect(pool.calledOff).toEqual([0, 1]);
    expect([compression.bufferedBytes, compression.heldBytes]).toEqual([0, 0]);
    for (const job of pool.jobs) job();
    expect([sent, heard, moved()]).toEqual([[], [], 0]);

    const other = begin();
    const news = published(10);
    other.compression.deliver(news.publication);
    other.compression.close();
    news.ready("news");
    expect([other.sent, other.moved()]).toEqual([[], 0]);
  });
});
