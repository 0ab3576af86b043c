import type * as Zlib from "node:zlib";
import { constants, deflateRawSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";

const finishFlush = constants.Z_SYNC_FLUSH;
const text = Buffer.from("again and again ".repeat(100));
const whole = deflateRawSync(text, { finishFlush });

/** The file in a Node whose streams have other insides. */
async function inNode(insides: (stream: object) => object) {
  vi.resetModules();
  vi.doMock("node:zlib", async (original) => {
    const zlib = await original<typeof Zlib>();
    return {
      ...zlib,
      createDeflateRaw: (options: object) =>
        insides(zlib.createDeflateRaw(options)),
      createInflateRaw: () => insides(zlib.createInflateRaw()),
    };
  });
  return import("../../../../src/workers/websocket/zlib-context.ts");
}

describe("a zlib context", () => {
  it.each<[string, (stream: object) => object]>([
    ["that is as it was", (stream) => stream],
    ["whose streams have no handle", () => ({ close() {} })],
    [
      "whose handle tells nothing",
      (stream) => Object.assign(stream, { _writeState: new Uint32Array(2) }),
    ],
  ])("gives the same in a Node %s", async (_name, insides) => {
    const { deflateContext, inflateContext } = await inNode(insides);
    const into = Buffer.alloc(4_000);
    const deflater = deflateContext(15);
    const inflater = inflateContext();
    for (let time = 0; time < 3; time++) {
      const deflated = into.subarray(0, deflater.run(text, into));
      expect(deflated).toEqual(whole);
      expect(inflater.run(whole, into)).toBe(text.length);
      expect(into.subarray(0, text.length)).toEqual(text);
    }
    expect(inflater.run(whole, into.subarray(0, 10))).toBe(10);
    expect(inflateContext().run(Buffer.from("abcdefghijkl"), into)).toBe(
      undefined,
    );
    deflater.close();
    inflater.close();
  });
});
