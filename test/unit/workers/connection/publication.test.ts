import { constants, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FIN, OPCODE, RSV1 } from "../../../../src/rfc6455.ts";
import { frame, FrameReader } from "../../../../src/testing/frame-codec.ts";
import {
  contentOf,
  SharedFrames,
} from "../../../../src/topics/shared-frames.ts";
import { SharedPublication } from "../../../../src/workers/connection/publication.ts";
import { DeflatePool } from "../../../../src/workers/websocket/deflate-pool.ts";
import { SharedPins } from "../../../../src/workers/websocket/shared-pins.ts";

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

class CountingPool extends DeflatePool {
  deflations = 0;

  override deflateNow(data: Uint8Array, bits: number): Buffer | undefined {
    this.deflations++;
    return super.deflateNow(data, bits);
  }

  override deflateLater(
    ...[data, bits, done]: Parameters<DeflatePool["deflateLater"]>
  ): () => void {
    this.deflations++;
    return super.deflateLater(data, bits, done);
  }
}

function publish(...texts: string[]) {
  const shared = new SharedFrames();
  const frames = texts.map((text) => {
    const { memory, start, end } = shared.frame(
      text,
      Buffer.byteLength(text),
      false,
    );
    return Buffer.from(memory, start, end - start);
  });
  const pool = new CountingPool(1_000_000);
  const pins = new SharedPins();
  const bytes = Buffer.from(frames[0]?.buffer as SharedArrayBuffer).subarray(
    0,
    frames.reduce((sum, { length }) => sum + length, 0),
  );
  const publication = new SharedPublication(
    { bytes, frames },
    { pool, pins, frames: new SharedFrames() },
  );
  return { publication, pool, pins };
}

/** The messages as a client reads them, and which of them came compressed. */
function read(frames: Buffer | null): [string, boolean][] {
  const reader = new FrameReader();
  return reader.push(frames as Buffer).map(({ payload, reserved }) => {
    if (reserved === 0) return [payload.toString(), false];
    const whole = Buffer.concat([payload, TAIL]);
    const finishFlush = constants.Z_SYNC_FLUSH;
    return [inflateRawSync(whole, { finishFlush }).toString(), true];
  });
}

const long = "said again ".repeat(300);

describe("what is published to compressed connections", () => {
  it("is compressed once for all of them, in one piece of memory that threads share", () => {
    const { publication, pool } = publish(long, "short", `${long}!`);
    const first = publication.deflated(15);
    expect(read(first.frames)).toEqual([
      [long, true],
      ["short", false],
      [`${long}!`, true],
    ]);
    expect(publication.deflated(15)).toBe(first);
    expect(pool.deflations).toBe(2);
    expect(first.frames?.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("is compressed for each size of window by itself", () => {
    const { publication, pool } = publish(long);
    expect(read(publication.deflated(15).frames)).toEqual([[long, true]]);
    expect(read(publication.deflated(9).frames)).toEqual([[long, true]]);
    expect(pool.deflations).toBe(2);
  });

  it("goes as it is where that is shorter", () => {
    const noise = Buffer.from(
      Array.from({ length: 1_500 }, (_, index) => (index * index * 7) % 251),
    );
    const bytes = Buffer.from(frame(OPCODE.binary, noise, { isMasked: false }));
    const publication = new SharedPublication(
      { bytes, frames: [bytes] },
      {
        pool: {
          deflateNow: (data) => Buffer.alloc(data.length),
          deflateLater: () => () => {},
        },
        pins: new SharedPins(),
        frames: new SharedFrames(),
      },
    );
    const frames = publication.deflated(15).frames as Buffer;
    expect(frames[0]).toBe(FIN | OPCODE.binary);
    expect(contentOf(frames).payload).toEqual(noise);
    expect((frames[0] as number) & RSV1).toBe(0);
  });

  it("is made ready elsewhere when it is large, and what it needs meanwhile counts once", async () => {
    const large = long.repeat(6);
    const { publication, pins } = publish("first", large, "last", large);
    const deflation = publication.deflated(15);
    expect(publication.deflated(15)).toBe(deflation);
    expect(deflation.frames).toBeNull();
    expect(pins.bytes).toBeGreaterThan(0);
    await new Promise<void>((resolve) => deflation.whenReady(resolve));
    expect(read(deflation.frames)).toEqual([
      ["first", false],
      [large, true],
      ["last", false],
      [large, true],
    ]);
    expect(pins.bytes).toBe(0);
  });
});
