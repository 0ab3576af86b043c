import { frame, OPCODE } from "../../../../src/testing/frame-codec.ts";
import {
  binaryReply,
  bytes,
  CLOSE,
  type ConformanceCase,
  failed,
  frameWithLengthIn,
  headerClaiming,
  letters,
  open,
  textReply,
} from "../conformance-case.ts";

const LENGTHS = [
  0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537,
];
const RESERVED_OPCODES = [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf];

const lengths = LENGTHS.flatMap((length): ConformanceCase[] => [
  {
    section: "5.2",
    rule: `a text message of ${length} bytes is echoed`,
    sent: [frame(OPCODE.text, letters(length))],
    replies: [textReply(letters(length))],
    ending: open,
  },
  {
    section: "5.2",
    rule: `a binary message of ${length} bytes is echoed`,
    sent: [frame(OPCODE.binary, bytes(length))],
    replies: [binaryReply(bytes(length))],
    ending: open,
  },
]);

// "The minimal number of bytes MUST be used": that binds the sender; what a
// receiver does about it is left open, and the length is as clear as ever.
const longerThanNeeded = (
  [
    [16, 0],
    [16, 125],
    [64, 0],
    [64, 125],
    [64, 126],
    [64, 65_535],
  ] as const
).map(([bits, length]): ConformanceCase => ({
  section: "5.2",
  rule: `a length of ${length} in the ${bits}-bit form, longer than needed, is understood`,
  sent: [frameWithLengthIn(bits, OPCODE.binary, bytes(length))],
  replies: [binaryReply(bytes(length))],
  ending: open,
}));

const masks: ConformanceCase[] = [
  ...[OPCODE.text, OPCODE.binary, OPCODE.ping, OPCODE.pong, OPCODE.close].map(
    (opcode): ConformanceCase => ({
      section: "5.1",
      rule: `an unmasked frame of opcode ${opcode} fails the connection`,
      sent: [frame(opcode, "", { isMasked: false })],
      replies: [],
      ending: failed(CLOSE.protocolError),
    }),
  ),
  {
    section: "5.1",
    rule: "an unmasked continuation of a masked beginning fails the connection",
    sent: [
      frame(OPCODE.text, "Hel", { isFinal: false }),
      frame(OPCODE.continuation, "lo", { isMasked: false }),
    ],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.1",
    rule: "an unmasked frame behind a masked one fails the connection, and the first is echoed",
    sent: [
      frame(OPCODE.text, "masked"),
      frame(OPCODE.text, "unmasked", { isMasked: false }),
    ],
    replies: [textReply("masked")],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.3",
    rule: "the mask 00000000 leaves the payload as it is",
    sent: [Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])],
    replies: [textReply("hi")],
    ending: open,
  },
  {
    section: "5.7",
    rule: "the RFC's own example of a masked text frame is read as Hello",
    sent: [Buffer.from("818537fa213d7f9f4d5158", "hex")],
    replies: [textReply("Hello")],
    ending: open,
  },
];

/** RFC 6455, 5.3: byte i of the payload is masked by byte i mod 4 of the key, wherever the payload ends. */
const everyMaskPosition = Array.from(
  { length: 9 },
  (_, length): ConformanceCase => ({
    section: "5.3",
    rule: `a payload of ${length} bytes under a key of four different bytes is read`,
    sent: [
      Buffer.concat([
        Buffer.from([0x82, 0x80 | length, 0x01, 0x80, 0xff, 0x10]),
        bytes(length).map(
          (byte, i) => byte ^ ([0x01, 0x80, 0xff, 0x10][i % 4] as number),
        ),
      ]),
    ],
    replies: [binaryReply(bytes(length))],
    ending: open,
  }),
);

const reserved: ConformanceCase[] = [
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) =>
    [OPCODE.text, OPCODE.binary, OPCODE.close, OPCODE.ping, OPCODE.pong].map(
      (opcode): ConformanceCase => ({
        section: "5.2",
        rule: `reserved bits ${bits.toString(2).padStart(3, "0")} on opcode ${opcode}, without an extension, fail the connection`,
        sent: [frame(opcode, "", { reserved: bits })],
        replies: [],
        ending: failed(CLOSE.protocolError),
      }),
    ),
  ),
  ...[1, 2, 4, 7].map((bits): ConformanceCase => ({
    section: "5.2",
    rule: `reserved bits ${bits.toString(2).padStart(3, "0")} on a continuation, without an extension, fail the connection`,
    sent: [
      frame(OPCODE.text, "Hel", { isFinal: false }),
      frame(OPCODE.continuation, "lo", { reserved: bits }),
    ],
    replies: [],
    ending: failed(CLOSE.protocolError),
  })),
  ...RESERVED_OPCODES.map((opcode): ConformanceCase => ({
    section: "5.2",
    rule: `the reserved opcode ${opcode} fails the connection, and what was sent before is echoed`,
    sent: [frame(OPCODE.text, "before"), frame(opcode, "reserved")],
    replies: [textReply("before")],
    ending: failed(CLOSE.protocolError),
  })),
];

const manyAtOnce: ConformanceCase = {
  section: "5.2",
  rule: "a hundred messages in one go are echoed in their order",
  sent: [
    Buffer.concat(
      Array.from({ length: 100 }, (_, i) => frame(OPCODE.text, `message ${i}`)),
    ),
  ],
  replies: Array.from({ length: 100 }, (_, i) => textReply(`message ${i}`)),
  ending: open,
};

const impossible: ConformanceCase[] = [
  {
    section: "5.2",
    rule: "a length with its highest bit set fails the connection",
    sent: [headerClaiming(OPCODE.binary, 2n ** 63n)],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
  {
    section: "10.4",
    rule: "a length beyond all memory fails the connection at its header",
    sent: [headerClaiming(OPCODE.binary, 2n ** 40n)],
    replies: [],
    ending: failed(CLOSE.tooBig),
  },
];

export const framing: readonly ConformanceCase[] = [
  ...lengths,
  ...longerThanNeeded,
  ...masks,
  ...everyMaskPosition,
  ...reserved,
  manyAtOnce,
  ...impossible,
];
