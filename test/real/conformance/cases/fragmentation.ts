import {
  closeFrame,
  frame,
  OPCODE,
} from "../../../../src/testing/frame-codec.ts";
import {
  answered,
  binaryReply,
  bytes,
  CLOSE,
  type ConformanceCase,
  failed,
  letters,
  open,
  pongReply,
  textReply,
} from "../conformance-case.ts";

const first = (opcode: number, payload: string | Uint8Array): Buffer =>
  frame(opcode, payload, { isFinal: false });
const middle = (payload: string | Uint8Array): Buffer =>
  frame(OPCODE.continuation, payload, { isFinal: false });
const last = (payload: string | Uint8Array): Buffer =>
  frame(OPCODE.continuation, payload);

const ping = (payload: string): Buffer => frame(OPCODE.ping, payload);

export const fragmentation: readonly ConformanceCase[] = [
  {
    section: "5.4",
    rule: "a text message in two fragments is one message",
    sent: [first(OPCODE.text, "Hel"), last("lo")],
    replies: [textReply("Hello")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a binary message in two fragments is one message",
    sent: [first(OPCODE.binary, bytes(300)), last(bytes(40))],
    replies: [binaryReply(Buffer.concat([bytes(300), bytes(40)]))],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a message in one fragment for each byte is one message",
    sent: [
      first(OPCODE.text, "a"),
      ...Array.from("bcdefghijklmnopqrstuvwxy", (letter) => middle(letter)),
      last("z"),
    ],
    replies: [textReply("abcdefghijklmnopqrstuvwxyz")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "fragments may be empty, all of them",
    sent: [first(OPCODE.text, ""), middle(""), last("")],
    replies: [textReply("")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "empty fragments add nothing",
    sent: [
      first(OPCODE.text, ""),
      middle("a"),
      middle(""),
      middle("b"),
      last(""),
    ],
    replies: [textReply("ab")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "fragments of every length form are one message",
    sent: [
      first(OPCODE.text, letters(125)),
      middle(letters(126)),
      last(letters(65_536)),
    ],
    replies: [textReply(letters(125) + letters(126) + letters(65_536))],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a ping between fragments is answered before the message is complete",
    sent: [first(OPCODE.text, "Hel"), ping("between"), last("lo")],
    replies: [pongReply("between"), textReply("Hello")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a ping between each two fragments is answered in its place",
    sent: [
      ping("before"),
      first(OPCODE.text, "a"),
      ping("1"),
      middle("b"),
      ping("2"),
      ping("3"),
      last("c"),
      ping("after"),
    ],
    replies: [
      pongReply("before"),
      pongReply("1"),
      pongReply("2"),
      pongReply("3"),
      textReply("abc"),
      pongReply("after"),
    ],
    ending: open,
  },
  {
    section: "5.5.3",
    rule: "an unasked pong between fragments is taken in silence",
    sent: [
      first(OPCODE.text, "Hel"),
      frame(OPCODE.pong, "unasked"),
      last("lo"),
    ],
    replies: [textReply("Hello")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a close frame between fragments is answered; the message is never complete",
    sent: [first(OPCODE.text, "Hel"), closeFrame(1000), last("lo")],
    replies: [],
    ending: answered(1000),
  },
  {
    section: "5.4",
    rule: "two fragmented messages, one behind the other",
    sent: [
      first(OPCODE.text, "one "),
      last("text"),
      first(OPCODE.binary, "two "),
      last("bytes"),
    ],
    replies: [textReply("one text"), binaryReply("two bytes")],
    ending: open,
  },
  {
    section: "5.4",
    rule: "a continuation without a beginning fails the connection",
    sent: [last("lo")],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "a continuation that is not the last, without a beginning, fails the connection",
    sent: [middle("lo")],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "a continuation behind a whole message fails the connection",
    sent: [frame(OPCODE.text, "Hello"), last("lo")],
    replies: [textReply("Hello")],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "a continuation behind a fragmented message fails the connection",
    sent: [first(OPCODE.text, "Hel"), last("lo"), last("!")],
    replies: [textReply("Hello")],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "a new text message among the fragments of another fails the connection",
    sent: [first(OPCODE.text, "Hel"), frame(OPCODE.text, "new")],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "a new binary message among the fragments of another fails the connection",
    sent: [first(OPCODE.text, "Hel"), first(OPCODE.binary, "new")],
    replies: [],
    ending: failed(CLOSE.protocolError),
  },
  {
    section: "5.4",
    rule: "the beginning of the same kind once more fails the connection",
    sent: [first(OPCODE.text, "Hel"), ping("alive"), first(OPCODE.text, "Hel")],
    replies: [pongReply("alive")],
    ending: failed(CLOSE.protocolError),
  },
];
