import { assert, constantFrom, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clientFrame,
  opcodes,
  readServerFrame,
  serverFrame,
} from "../../../../bench/load/frames.ts";
import { payloadOf } from "../../../../bench/load/script.ts";

describe("frames", () => {
  it("look like the examples of RFC 6455, section 5.7", () => {
    const hello = Buffer.from("Hello");
    expect(serverFrame(opcodes.text, hello).toString("hex")).toBe(
      "810548656c6c6f",
    );
    const mask = Buffer.from("37fa213d", "hex");
    expect(clientFrame(opcodes.text, hello, mask).toString("hex")).toBe(
      "818537fa213d7f9f4d5158",
    );
    const header = (length: number): string =>
      serverFrame(opcodes.binary, Buffer.alloc(length))
        .subarray(0, -length)
        .toString("hex");
    expect(header(256)).toBe("827e0100");
    expect(header(65_536)).toBe("827f0000000000010000");
  });

  it("leave the payload that they mask as it was", () => {
    const payload = Buffer.from("Hello");
    clientFrame(opcodes.text, payload, Buffer.from([1, 2, 3, 4]));
    expect(payload.toString()).toBe("Hello");
  });

  it("are read back as they were built, wherever they start", () => {
    const anyLength = constantFrom(0, 1, 125, 126, 127, 65_535, 65_536);
    assert(
      property(anyLength, integer({ min: 0, max: 9 }), (length, at) => {
        const payload = payloadOf(length, 0);
        const frame = serverFrame(opcodes.binary, payload);
        const rest = Buffer.from("rest");
        const bytes = Buffer.concat([Buffer.alloc(at), frame, rest]);
        const read = readServerFrame(bytes, at);
        expect(read?.opcode).toBe(opcodes.binary);
        expect(read?.payload.equals(payload)).toBe(true);
        expect(read?.end).toBe(at + frame.length);
        const incomplete = bytes.subarray(0, at + frame.length - 1);
        expect(readServerFrame(incomplete, at)).toBeUndefined();
      }),
    );
  });

  it("are refused when they are fragmented or masked", () => {
    expect(() => readServerFrame(Buffer.from([0x01, 0x00]), 0)).toThrow(
      /header/,
    );
    expect(() => readServerFrame(Buffer.from([0x82, 0x80]), 0)).toThrow(
      /header/,
    );
  });
});
