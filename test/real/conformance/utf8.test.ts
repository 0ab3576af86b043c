import { describe, expect, it } from "vitest";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { expectBalance, shareServer } from "../../support/shared-server.ts";
import { INVALID_TEXTS, VALID_TEXTS } from "./cases/utf8.ts";
import {
  binaryReply,
  CLOSE,
  type Ending,
  failed,
  type Heard,
  open,
  textReply,
} from "./conformance-case.ts";
import { type Delivery, play } from "./deliver.ts";

/** Longer than what the server joins, and read in several chunks. */
const LONG = "long text ".repeat(20_000);

describe("RFC 6455, 8.1: text is UTF-8", () => {
  const shared = shareServer({}, expectBalance);

  const says = async (
    sent: readonly Buffer[],
    ending: Ending,
    delivery: Delivery = "at once",
  ): Promise<Heard> => {
    const conformanceCase = { section: "8.1", rule: "", replies: [], ending };
    return await play(shared, { ...conformanceCase, sent }, delivery);
  };

  describe.each(Object.entries(VALID_TEXTS))("%s", (_name, text) => {
    const bytes = Buffer.from(text);
    const echo = { replies: [textReply(text)], closeCode: 1000 };

    it("is echoed, in one frame and byte by byte", async () => {
      const sent = [frame(OPCODE.text, bytes)];
      expect(await says(sent, open)).toEqual(echo);
      expect(await says(sent, open, "byte by byte")).toEqual(echo);
    });

    it("is echoed when a fragment ends behind any byte", async () => {
      for (let at = 0; at <= bytes.length; at++) {
        const sent = split(bytes, at);
        expect(await says(sent, open)).toEqual(echo);
        expect(await says(sent, open, "frame by frame")).toEqual(echo);
      }
    });

    it("is echoed in one fragment for each byte, with pings between", async () => {
      const fragments = Array.from(bytes, (byte, index) =>
        frame(
          index === 0 ? OPCODE.text : OPCODE.continuation,
          [byte] as never,
          {
            isFinal: false,
          },
        ),
      );
      const sent = [...fragments, frame(OPCODE.continuation)];
      expect(await says(sent, open, "frame by frame")).toEqual(echo);
    });
  });

  describe.each(Object.entries(INVALID_TEXTS))("%s", (_name, values) => {
    const bytes = Buffer.from(values);
    const failure = failed(CLOSE.invalidData);
    const silence = { replies: [], closeCode: CLOSE.invalidData };

    it("fails the connection, in one frame and byte by byte", async () => {
      const sent = [frame(OPCODE.text, bytes)];
      expect(await says(sent, failure)).toEqual(silence);
      expect(await says(sent, failure, "byte by byte")).toEqual(silence);
    });

    it("fails the connection when a fragment ends behind any byte", async () => {
      for (let at = 0; at <= bytes.length; at++)
        expect(await says(split(bytes, at), failure)).toEqual(silence);
    });

    it("fails the connection at the end of a long text, behind a good message", async () => {
      const text = Buffer.concat([Buffer.from(LONG), bytes]);
      const sent = [frame(OPCODE.text, "good"), frame(OPCODE.text, text)];
      expect(await says(sent, failure)).toEqual({
        ...silence,
        replies: [textReply("good")],
      });
    });

    it("is no fault in a binary message", async () => {
      const sent = [
        frame(OPCODE.binary, bytes),
        ...split(bytes, 1, OPCODE.binary),
      ];
      expect(await says(sent, open)).toEqual({
        replies: [binaryReply(bytes), binaryReply(bytes)],
        closeCode: 1000,
      });
    });
  });
});

/** A message in two fragments. */
function split(
  bytes: Buffer,
  at: number,
  opcode: number = OPCODE.text,
): Buffer[] {
  return [
    frame(opcode, bytes.subarray(0, at), { isFinal: false }),
    frame(OPCODE.continuation, bytes.subarray(at)),
  ];
}
