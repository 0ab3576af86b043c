import {
  frame,
  type FrameDetails,
  OPCODE,
} from "../../../src/testing/frame-codec.ts";

/** What the server says, in a frame. */
export interface Reply {
  readonly opcode: number;
  readonly payload: Buffer;
}

/**
 * How it ends: `open`, the connection is as good as before; `answered`, the
 * server answers the client's close frame with this code; `failed`, the server
 * fails the connection with this code (RFC 6455, 7.1.7). 1005 is a close frame
 * without a code.
 */
export type Ending =
  | { readonly kind: "open" }
  | { readonly kind: "answered" | "failed"; readonly code: number };

/** One rule of RFC 6455: what a client sends and what has to come back. */
export interface ConformanceCase {
  /** Of RFC 6455, unless it names another. */
  readonly section: string;
  readonly rule: string;
  /** Each a frame, or what takes the place of one. */
  readonly sent: readonly Buffer[];
  readonly replies: readonly Reply[];
  readonly ending: Ending;
}

/** Everything that the server said. */
export interface Heard {
  readonly replies: readonly Reply[];
  /** Of its close frame; undefined when TCP ended without one. */
  readonly closeCode: number | undefined;
}

/** What has to be heard; one that stays open is closed by the client in the end, with 1000. */
export function expectedOf({ replies, ending }: ConformanceCase): Heard {
  return { replies, closeCode: ending.kind === "open" ? 1000 : ending.code };
}

export const open: Ending = { kind: "open" };
export const answered = (code: number): Ending => ({ kind: "answered", code });
export const failed = (code: number): Ending => ({ kind: "failed", code });

/** RFC 6455, 7.4.1. */
export const CLOSE = {
  protocolError: 1002,
  noCode: 1005,
  invalidData: 1007,
  tooBig: 1009,
} as const;

const reply =
  (opcode: number) =>
  (payload: string | Uint8Array): Reply => ({
    opcode,
    payload: Buffer.from(payload as string),
  });
export const textReply = reply(OPCODE.text);
export const binaryReply = reply(OPCODE.binary);
export const pongReply = reply(OPCODE.pong);

/** A frame whose length is written in the form for so many bits (RFC 6455, 5.2), needed or not. */
export function frameWithLengthIn(
  bits: 7 | 16 | 64,
  opcode: number,
  payload: Uint8Array,
  details: FrameDetails = {},
): Buffer {
  const shortest = frame(opcode, payload, details);
  const shortestHeader =
    payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const length =
    bits === 7
      ? Buffer.from([payload.length])
      : bits === 16
        ? Buffer.from([126, payload.length >> 8, payload.length & 0xff])
        : Buffer.concat([Buffer.from([127]), bigEndian64(payload.length)]);
  (length[0] as number) |= (shortest[1] as number) & 0x80;
  return Buffer.concat([
    shortest.subarray(0, 1),
    length,
    shortest.subarray(shortestHeader),
  ]);
}

/** The header of a masked frame that claims any length, and no payload behind it. */
export function headerClaiming(opcode: number, length: bigint): Buffer {
  return Buffer.concat([
    Buffer.from([0x80 | opcode, 0x80 | 127]),
    bigEndian64(length),
    Buffer.from([1, 2, 3, 4]),
  ]);
}

function bigEndian64(value: number | bigint): Buffer {
  const eight = Buffer.alloc(8);
  eight.writeBigUInt64BE(BigInt(value));
  return eight;
}

/** So many bytes, each different from its neighbours. */
export function bytes(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => (i * 7) % 251));
}

/** So many letters. */
export function letters(count: number): string {
  return "abcdefghij".repeat(Math.ceil(count / 10)).slice(0, count);
}
