import { frame, OPCODE } from "../../../../src/testing/frame-codec.ts";
import {
  bytes,
  CLOSE,
  type ConformanceCase,
  failed,
  frameWithLengthIn,
  letters,
  open,
  pongReply,
  textReply,
} from "../conformance-case.ts";

const everyLength = Array.from({ length: 126 }, (_, length) => length);

export const control: readonly ConformanceCase[] = [
  {
    section: "5.5.2",
    rule: "pings of 0 to 125 bytes are each answered with their own payload",
    sent: everyLength.map((length) => frame(OPCODE.ping, bytes(length))),
    replies: everyLength.map((length) => pongReply(bytes(length))),
    ending: open,
  },
  {
    section: "5.5.2",
    rule: "ten pings in one go are answered in their order",
    sent: [
      Buffer.concat(
        Array.from({ length: 10 }, (_, i) => frame(OPCODE.ping, String(i))),
      ),
    ],
    replies: Array.from({ length: 10 }, (_, i) => pongReply(String(i))),
    ending: open,
  },
  {
    section: "5.5.2",
    rule: "the payload of a ping need not be UTF-8",
    sent: [frame(OPCODE.ping, Buffer.from([0xff, 0xfe, 0x00]))],
    replies: [pongReply(Buffer.from([0xff, 0xfe, 0x00]))],
    ending: open,
  },
  {
    section: "5.5.3",
    rule: "unasked pongs of 0 to 125 bytes are taken in silence",
    sent: everyLength.map((length) => frame(OPCODE.pong, bytes(length))),
    replies: [],
    ending: open,
  },
  {
    section: "5.5.2",
    rule: "a ping between messages is answered in its place",
    sent: [
      frame(OPCODE.text, "one"),
      frame(OPCODE.ping, "two"),
      frame(OPCODE.text, "three"),
    ],
    replies: [textReply("one"), pongReply("two"), textReply("three")],
    ending: open,
  },
  ...[OPCODE.ping, OPCODE.pong, OPCODE.close].flatMap(
    (opcode): ConformanceCase[] => [
      {
        section: "5.5",
        rule: `a payload of 126 bytes with opcode ${opcode} fails the connection`,
        sent: [frame(opcode, closeLike(opcode, 126))],
        replies: [],
        ending: failed(CLOSE.protocolError),
      },
      {
        section: "5.5",
        rule: `a payload of 65,536 bytes with opcode ${opcode} fails the connection`,
        sent: [frame(opcode, closeLike(opcode, 65_536))],
        replies: [],
        ending: failed(CLOSE.protocolError),
      },
      {
        section: "5.5",
        rule: `a payload of 2 bytes in the 16-bit form with opcode ${opcode} fails the connection`,
        sent: [frameWithLengthIn(16, opcode, closeLike(opcode, 2))],
        replies: [],
        ending: failed(CLOSE.protocolError),
      },
      {
        section: "5.5",
        rule: `a fragment with opcode ${opcode} fails the connection`,
        sent: [frame(opcode, "", { isFinal: false })],
        replies: [],
        ending: failed(CLOSE.protocolError),
      },
    ],
  ),
  {
    section: "5.5",
    rule: "a fragmented ping between messages fails the connection, and the message before is echoed",
    sent: [
      frame(OPCODE.text, "before"),
      frame(OPCODE.ping, "pi", { isFinal: false }),
      frame(OPCODE.continuation, "ng"),
    ],
    replies: [textReply("before")],
    ending: failed(CLOSE.protocolError),
  },
];

/** A payload of so many bytes; for a close frame with a valid code in front. */
function closeLike(opcode: number, length: number): Buffer {
  if (opcode !== OPCODE.close) return bytes(length);
  return Buffer.concat([
    Buffer.from([0x03, 0xe8]),
    Buffer.from(letters(length - 2)),
  ]);
}
