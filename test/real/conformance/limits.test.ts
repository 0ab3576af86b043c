import { describe, expect, it } from "vitest";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { expectBalance, shareServer } from "../../support/shared-server.ts";
import {
  binaryReply,
  bytes,
  CLOSE,
  type ConformanceCase,
  expectedOf,
  failed,
  headerClaiming,
  letters,
  open,
  pongReply,
  textReply,
} from "./conformance-case.ts";
import { deliveries, play } from "./deliver.ts";

const MAX = 70_000;

const first = (payload: string): Buffer =>
  frame(OPCODE.text, payload, { isFinal: false });
const middle = (payload: string): Buffer =>
  frame(OPCODE.continuation, payload, { isFinal: false });
const last = (payload: string): Buffer => frame(OPCODE.continuation, payload);

const cases: readonly ConformanceCase[] = [
  {
    section: "10.4",
    rule: "a message of exactly the limit is echoed",
    sent: [frame(OPCODE.binary, bytes(MAX))],
    replies: [binaryReply(bytes(MAX))],
    ending: open,
  },
  {
    section: "10.4",
    rule: "a message of one byte more is too big",
    sent: [frame(OPCODE.binary, bytes(MAX + 1))],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
  {
    section: "10.4",
    rule: "a header that claims one byte more is enough to fail the connection",
    sent: [headerClaiming(OPCODE.binary, BigInt(MAX + 1))],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
  {
    section: "10.4",
    rule: "fragments of exactly the limit together are echoed",
    sent: [
      first(letters(30_000)),
      middle(letters(30_000)),
      last(letters(10_000)),
    ],
    replies: [textReply(letters(MAX))],
    ending: open,
  },
  {
    section: "10.4",
    rule: "fragments of one byte more together are too big, in the last one",
    sent: [
      first(letters(30_000)),
      middle(letters(30_000)),
      last(letters(10_001)),
    ],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
  {
    section: "10.4",
    rule: "fragments are too big as soon as they are, also before the last one",
    sent: [first(letters(MAX)), middle("a")],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
  {
    section: "10.4",
    rule: "pings between fragments do not count for the limit",
    sent: [
      first(letters(MAX - 1)),
      frame(OPCODE.ping, letters(125)),
      last("z"),
    ],
    replies: [pongReply(letters(125)), textReply(`${letters(MAX - 1)}z`)],
    ending: open,
  },
  {
    section: "10.4",
    rule: "the limit is each message's own",
    sent: [
      frame(OPCODE.binary, bytes(MAX)),
      first(letters(MAX)),
      last(""),
      frame(OPCODE.binary, bytes(MAX)),
    ],
    replies: [
      binaryReply(bytes(MAX)),
      textReply(letters(MAX)),
      binaryReply(bytes(MAX)),
    ],
    ending: open,
  },
  {
    section: "10.4",
    rule: "what was said before a message that is too big is echoed",
    sent: [frame(OPCODE.text, "before"), frame(OPCODE.text, letters(MAX + 1))],
    replies: [textReply("before")],
    ending: failed(CLOSE.tooBig),
  },
];

describe("RFC 6455, 10.4: limits", () => {
  const shared = shareServer({ maxPayloadBytes: MAX }, expectBalance);
  describe.each(deliveries)("delivered %s", (delivery) => {
    it.each(cases)("$section: $rule", async (conformanceCase) => {
      const heard = await play(shared, conformanceCase, delivery);
      expect(heard).toEqual(expectedOf(conformanceCase));
    });
  });
});

const TINY = 100;

describe("RFC 6455, 10.4: a limit below the shortest length form", () => {
  const shared = shareServer({ maxPayloadBytes: TINY }, expectBalance);

  it.each(deliveries)("holds to the byte, %s", async (delivery) => {
    const kept = {
      section: "10.4",
      rule: "",
      sent: [frame(OPCODE.text, letters(TINY))],
      replies: [textReply(letters(TINY))],
      ending: open,
    };
    expect(await play(shared, kept, delivery)).toEqual(expectedOf(kept));
    const exceeded = {
      ...kept,
      sent: [...kept.sent, frame(OPCODE.text, letters(TINY + 1))],
      ending: failed(CLOSE.tooBig),
    };
    const heard = await play(shared, exceeded, delivery);
    expect(heard).toEqual(expectedOf(exceeded));
  });

  it("does not hold for control frames, which have their own", async () => {
    const ping = {
      section: "5.5",
      rule: "",
      sent: [frame(OPCODE.ping, letters(125))],
      replies: [pongReply(letters(125))],
      ending: open,
    };
    expect(await play(shared, ping, "at once")).toEqual(expectedOf(ping));
  });
});
