/**
 * WebSocket frames as clients of tests and simulations write and read them
 * (RFC 6455, 5.2). It is none of the server's own, so that the two can disagree.
 */
import { randomBytes } from "node:crypto";
import { CLOSE_CODE, OPCODE } from "../rfc6455.ts";

export { OPCODE };

/** A frame as it was on the wire, unmasked. */
export interface Frame {
  readonly isFinal: boolean;
  /** The three reserved bits. */
  readonly reserved: number;
  readonly opcode: number;
  readonly isMasked: boolean;
  /** Its length is written in the shortest form (RFC 6455, 5.2). */
  readonly isShortest: boolean;
  readonly payload: Buffer;
}

/** How a frame differs from a client's usual one, for frames that break the rules. */
export interface FrameDetails {
  readonly isFinal?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Four bytes, at random otherwise; zeros leave the payload legible. */
  readonly mask?: Uint8Array;
  /** The length that the header claims. */
  readonly claimedLength?: number;
}

/** Writes a frame as a client does: masked, complete, in the shortest form. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  details: FrameDetails = {},
): Buffer {
  const { isFinal = true, reserved = 0, isMasked = true } = details;
  const data = Buffer.from(payload as string);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const length = details.claimedLength ?? data.length;
  if (!isMasked) return Buffer.concat([header(first, 0, length), data]);
  const mask = details.mask ?? randomBytes(4);
  unmask(data, mask);
  return Buffer.concat([header(first, 0x80, length), mask, data]);
}

function header(first: number, maskBit: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, maskBit | length]);
  if (length < 65_536)
    return Buffer.from([first, maskBit | 126, length >> 8, length & 0xff]);
  const long = Buffer.from([first, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}

/** Masks as well (RFC 6455, 5.3). */
function unmask(data: Buffer, mask: Uint8Array): void {
  for (let at = 0; at < data.length; at++)
    (data[at] as number) ^= mask[at % 4] as number;
}

/** A close frame of a client; one that says nothing is `frame(OPCODE.close)`. */
export function closeFrame(
  code = CLOSE_CODE.normal as number,
  reason = "",
  details: FrameDetails = {},
): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(OPCODE.close, payload, details);
}

/** What a close frame says; 1005 is RFC 6455's code for one that says nothing. */
export function readClose({ payload }: Pick<Frame, "payload">): {
  code: number;
  reason: string;
} {
  if (payload.length < 2) return { code: CLOSE_CODE.noCode, reason: "" };
  return {
    code: payload.readUInt16BE(0),
    reason: payload.subarray(2).toString(),
  };
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** Bytes that are no whole frame yet. */
  get rest(): Buffer {
    return this.#bytes;
  }

  push(chunk: Buffer): Frame[] {
    this.#bytes =
      this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const frames: Frame[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take())
      frames.push(next);
    return frames;
  }

  #take(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const [first, second] = bytes as unknown as [number, number];
    const isMasked = (second & 0x80) !== 0;
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const isShortest = at === (length < 126 ? 2 : length < 65_536 ? 4 : 10);
    const mask = isMasked ? bytes.subarray(at, at + 4) : undefined;
    if (isMasked) at += 4;
    if (bytes.length < at + length) return undefined;
    const payload = Buffer.from(bytes.subarray(at, at + length));
    if (mask !== undefined) unmask(payload, mask);
    this.#bytes = bytes.subarray(at + length);
    return {
      isFinal: (first & 0x80) !== 0,
      reserved: (first >> 4) & 7,
      opcode: first & 0xf,
      isMasked,
      isShortest,
      payload,
    };
  }
}
