import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closeFrame,
  frame,
  FrameReader,
  OPCODE,
  readClose,
} from "../../../src/testing/frame-codec.ts";
import { wsReceiver } from "../../support/ws-receiver.ts";

/** Around the lengths at which a header grows (RFC 6455, 5.2). */
const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536];

describe("the codec of tests and simulations", () => {
  it.each(LENGTHS)("writes %i bytes as ws reads them", (length) => {
    const payload = Buffer.alloc(length, "sluice");
    const heard: Buffer[] = [];
    const receiver = wsReceiver(length);
    receiver.on("message", (data) => heard.push(data));
    receiver.write(frame(OPCODE.binary, payload));
    expect(heard).toEqual([payload]);
  });

  it.each(LENGTHS)("reads %i bytes that it wrote, masked or not", (length) => {
    const payload = Buffer.alloc(length, "sluice");
    for (const isMasked of [true, false])
      expect(
        new FrameReader().push(
          frame(OPCODE.text, payload, { isMasked, isFinal: false }),
        ),
      ).toEqual([
        {
          isFinal: false,
          reserved: 0,
          opcode: OPCODE.text,
          isMasked,
          isShortest: true,
          payload,
        },
      ]);
  });

  it("reads frames however the bytes are cut, and keeps the rest", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        fc.nat(20),
        (payloads, cuts, more) => {
          const whole = payloads.map((each) => frame(OPCODE.binary, each));
          const half = frame(OPCODE.binary, "x".repeat(more + 1));
          const bytes = Buffer.concat([...whole, half.subarray(0, -1)]);
          const reader = new FrameReader();
          const heard: string[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const next = at + (cuts[turn % cuts.length] as number);
            for (const { payload } of reader.push(bytes.subarray(at, next)))
              heard.push(payload.toString("hex"));
            at = next;
          }
          expect(heard).toEqual(
            payloads.map((each) => Buffer.from(each).toString("hex")),
          );
          expect(reader.rest).toEqual(half.subarray(0, -1));
        },
      ),
    );
  });

  it("says what breaks the rules: reserved bits, a length that is not the shortest, one that is not true", () => {
    const long = Buffer.from([0x82, 126, 0, 1, 7]);
    expect(new FrameReader().push(long)).toMatchObject([{ isShortest: false }]);
    const reserved = frame(OPCODE.ping, "?", { reserved: 5 });
    expect(new FrameReader().push(reserved)).toMatchObject([{ reserved: 5 }]);
    const claimed = frame(OPCODE.text, "ab", { claimedLength: 3 });
    expect(new FrameReader().push(claimed)).toEqual([]);
  });

  it("reads what a close frame says, and that one says nothing", () => {
    const [said, silent] = new FrameReader().push(
      Buffer.concat([closeFrame(4001, "bye"), frame(OPCODE.close)]),
    );
    expect(said && readClose(said)).toEqual({ code: 4001, reason: "bye" });
    expect(silent && readClose(silent)).toEqual({ code: 1005, reason: "" });
  });
});
