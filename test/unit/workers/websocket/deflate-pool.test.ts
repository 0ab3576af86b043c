import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CLOSE_CODE } from "../../../../src/rfc6455.ts";
import {
  AT_ONCE_BYTES,
  DeflatePool,
} from "../../../../src/workers/websocket/deflate-pool.ts";
import type { Inflated } from "../../../../src/workers/websocket/compression.ts";

const MIB = 1024 * 1024;
const finishFlush = constants.Z_SYNC_FLUSH;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

function deflated(data: Buffer): Buffer {
  return deflateRawSync(data, { finishFlush }).subarray(0, -4);
}

function inflated(data: Buffer, windowBits = 15): Buffer {
  const whole = Buffer.concat([data, TAIL]);
  // Piece by piece: what is in the same piece could be looked back to in any case.
  return inflateRawSync(whole, { finishFlush, windowBits, chunkSize: 64 });
}

/** Words that repeat, from all over the text. */
function words(bytes: number, seed = 1): Buffer {
  let state = seed;
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) % 1_000;
  let text = "";
  while (text.length < bytes) text += `${next()} `;
  return Buffer.from(text.slice(0, bytes));
}

function inflateLater(pool: DeflatePool, data: Buffer): Promise<Inflated> {
  return new Promise((resolve) => pool.inflateLater(data, resolve));
}

describe("contexts that all connections of a thread share", () => {
  it.each([9, 12, 15])(
    "begin each message anew, for receivers with a window of 2^%i bytes",
    (windowBits) => {
      const pool = new DeflatePool(MIB);
      for (let seed = 1; seed < 20; seed++) {
        const text = words(seed * 800, seed);
        const message = pool.deflateNow(text, windowBits);
        expect(message?.length).toBeLessThan(text.length);
        expect(inflated(message as Buffer, windowBits)).toEqual(text);
      }
    },
  );

  it("compress what lies in memory that threads share", () => {
    const shared = Buffer.from(new SharedArrayBuffer(2_000));
    words(2_000).copy(shared);
    const pool = new DeflatePool(MIB);
    const message = Buffer.from(pool.deflateNow(shared, 15) as Buffer);
    expect(inflated(message).equals(shared)).toBe(true);
  });

  it("inflate each message by itself, whoever it comes from", () => {
    const pool = new DeflatePool(MIB);
    const texts = [words(3_000), words(20_000, 2), Buffer.alloc(0), words(1)];
    for (const text of texts)
      expect(pool.inflateNow(deflated(text))).toEqual(text);
  });

  it("inflate a message that its sender has ended with a final block (RFC 7692, 7.2.3.4)", () => {
    const pool = new DeflatePool(MIB);
    const text = words(500);
    const final = Buffer.concat([deflateRawSync(text), Buffer.of(0)]);
    expect(pool.inflateNow(final)).toEqual(text);
    expect(pool.inflateNow(deflated(text))).toEqual(text);
  });

  it("are none the worse for a message that is broken", () => {
    const pool = new DeflatePool(MIB);
    const text = words(3_000);
    const whole = deflated(text);
    const faults = new Set<number>();
    for (let at = 0; at < whole.length; at += 97) {
      const broken = Buffer.from(whole);
      broken.fill(0xff, at, at + 8);
      const result = pool.inflateNow(broken);
      // Another message, or none.
      if (typeof result === "number") faults.add(result);
      expect(pool.inflateNow(whole)).toEqual(text);
    }
    expect([...faults]).toEqual([CLOSE_CODE.invalidPayload]);
  });

  it("never give out more than a message may have", async () => {
    const pool = new DeflatePool(5_000);
    expect(pool.inflateNow(deflated(words(5_000)))).toEqual(words(5_000));
    const bomb = deflated(Buffer.alloc(5_001));
    expect(pool.inflateNow(bomb)).toBe(CLOSE_CODE.messageTooBig);
    expect(await inflateLater(pool, bomb)).toBe(CLOSE_CODE.messageTooBig);
    expect(await inflateLater(pool, deflated(words(5_000)))).toEqual(
      words(5_000),
    );
    expect(pool.inflateNow(deflated(words(10)))).toEqual(words(10));
  });

  it("leave to other threads what would take long, however small it came", async () => {
    const pool = new DeflatePool(MIB);
    const text = Buffer.alloc(MIB);
    const small = deflated(text);
    expect(small.length).toBeLessThan(AT_ONCE_BYTES);
    expect(pool.inflateNow(small)).toBeUndefined();
    expect(await inflateLater(pool, small)).toEqual(text);
    const large = deflated(Buffer.alloc(MIB + 1));
    expect(pool.inflateNow(large)).toBeUndefined();
    expect(await inflateLater(pool, large)).toBe(CLOSE_CODE.messageTooBig);
    expect(await inflateLater(pool, Buffer.from("abcdefghijkl"))).toBe(
      CLOSE_CODE.invalidPayload,
    );
  });

  it("are a few for what takes long: the others wait, and whoever leaves is not waited for", async () => {
    const pool = new DeflatePool(MIB);
    const text = words(100_000);
    const done: number[] = [];
    const all = Promise.withResolvers<void>();
    const cancels = Array.from({ length: 12 }, (_, index) =>
      pool.deflateLater(text, 15, (message) => {
        expect(inflated(message as Buffer)).toEqual(text);
        done.push(index);
        if (done.length === 8) all.resolve();
      }),
    );
    // Under way already, and waiting.
    cancels[0]?.();
    for (const waiting of [4, 5, 6, 10]) cancels[waiting]?.();
    await all.promise;
    expect(done.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 7, 8, 9, 11]);
  });

  it("count the turns of the event loop", async () => {
    const pool = new DeflatePool(MIB);
    const { turn } = pool;
    expect(pool.turn).toBe(turn);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pool.turn).toBe(turn + 1);
    expect(pool.turn).toBe(turn + 1);
  });
});
