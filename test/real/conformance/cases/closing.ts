import {
  closeFrame,
  frame,
  OPCODE,
} from "../../../../src/testing/frame-codec.ts";
import {
  answered,
  CLOSE,
  type ConformanceCase,
  failed,
  letters,
  textReply,
} from "../conformance-case.ts";

/** RFC 6455, 7.4.1, the registry of 11.7 (1012 to 1014), and the ranges of 7.4.2. */
const VALID_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000,
  3001, 3999, 4000, 4001, 4999,
];
const INVALID_CODES = [
  0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2999,
  5000, 9999, 32_768, 65_535,
];

const withReason = (reason: Uint8Array | string): Buffer =>
  frame(
    OPCODE.close,
    Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from(reason as string)]),
  );

export const closing: readonly ConformanceCase[] = [
  {
    section: "5.5.1",
    rule: "an empty close frame is answered with an empty one",
    sent: [frame(OPCODE.close)],
    replies: [],
    ending: answered(CLOSE.noCode),
  },
  {
    section: "5.5.1",
    rule: "a close frame with a payload of 1 byte fails the connection",
    sent: [frame(OPCODE.close, Buffer.from([3]))],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.5.1",
    rule: "a close frame with a code and no reason is answered with the code",
    sent: [frame(OPCODE.close, Buffer.from([0x03, 0xe8]))],
    replies: [],
    ending: answered(1000),
  },
  ...[1, 2, 122, 123].map((length): ConformanceCase => ({
    section: "5.5.1",
    rule: `a reason of ${length} bytes is taken`,
    sent: [closeFrame(1000, letters(length))],
    replies: [],
    ending: answered(1000),
  })),
  {
    section: "5.5",
    rule: "a reason of 124 bytes, 126 with the code, fails the connection",
    sent: [closeFrame(1000, letters(124))],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  ...VALID_CODES.map((code): ConformanceCase => ({
    section: "7.4",
    rule: `the close code ${code} is answered with itself`,
    sent: [closeFrame(code, "why")],
    replies: [],
    ending: answered(code),
  })),
  ...INVALID_CODES.map((code): ConformanceCase => ({
    section: "7.4",
    rule: `the close code ${code} fails the connection`,
    sent: [closeFrame(code, "why")],
    replies: [],
    ending: failed(CLOSE.protocolError),
  })),
  {
    section: "5.5.1",
    rule: "a reason in UTF-8 is taken",
    sent: [withReason("auf Wiedersehen, κόσμε 👋")],
    replies: [],
    ending: answered(1000),
  },
  ...(
    [
      ["a lone continuation byte", [0x80]],
      ["a cut sequence", [0xe2, 0x82]],
      ["an overlong form", [0xc0, 0xaf]],
      ["a surrogate", [0xed, 0xa0, 0x80]],
    ] as const
  ).map(([name, reason]): ConformanceCase => ({
    section: "8.1",
    rule: `a reason with ${name} fails the connection`,
    sent: [withReason(Uint8Array.from(reason))],
    replies: [],
    ending: failed(CLOSE.invalidData),
  })),
  {
    section: "1.4",
    rule: "data behind a close frame is ignored",
    sent: [
      frame(OPCODE.text, "before"),
      closeFrame(1000),
      frame(OPCODE.text, "behind"),
    ],
    replies: [textReply("before")],
    ending: answered(1000),
  },
  {
    section: "5.5.2",
    rule: "a ping behind a close frame is ignored",
    sent: [closeFrame(1000), frame(OPCODE.ping, "behind")],
    replies: [],
    ending: answered(1000),
  },
  {
    section: "5.5.1",
    rule: "a second close frame is ignored",
    sent: [closeFrame(4000), closeFrame(4001)],
    replies: [],
    ending: answered(4000),
  },
  {
    section: "1.4",
    rule: "what breaks the protocol behind a close frame is ignored",
    sent: [closeFrame(1000), frame(0xf, "nonsense", { reserved: 7 })],
    replies: [],
    ending: answered(1000),
  },
  {
    section: "7.1.7",
    rule: "data behind a broken frame is ignored",
    sent: [
      frame(OPCODE.text, "before"),
      frame(3, "reserved"),
      frame(OPCODE.text, "behind"),
      frame(OPCODE.ping, "behind"),
    ],
    replies: [textReply("before")],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "7.1.7",
    rule: "a close frame behind a broken frame is ignored",
    sent: [frame(3, "reserved"), closeFrame(1000)],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
];
