import { randomBytes } from "node:crypto";

/** Opcodes of RFC 6455, 5.2. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** One frame as it was on the wire, unmasked. */
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
  isFinal?: boolean;
  reserved?: number;
  isMasked?: boolean;
  /** The length that the header claims. */
  claimedLength?: number;
}

/** Writes a frame as a client does: masked, complete, in the shortest form. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  {
    isFinal = true,
    reserved = 0,
    isMasked = true,
    claimedLength,
  }: FrameDetails = {},
): Buffer {
  const data = Buffer.from(payload as string);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  const length = claimedLength ?? data.length;
  const header =
    length < 126
      ? Buffer.from([first, maskBit | length])
      : length < 65_536
        ? Buffer.from([first, maskBit | 126, length >> 8, length & 0xff])
        : Buffer.from([first, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([header, data]);
  const mask = randomBytes(4);
  for (let i = 0; i < data.length; i++)
    (data[i] as number) ^= mask[i % 4] as number;
  return Buffer.concat([header, mask, data]);
}

/** A close frame of a client. */
export function closeFrame(code = 1000, reason = ""): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(OPCODE.close, payload);
}

/** What a close frame says; 1005 is RFC 6455's code for one that says nothing. */
export function readClose({ payload }: Frame): {
  code: number;
  reason: string;
} {
  if (payload.length < 2) return { code: 1005, reason: "" };
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
    const first = bytes[0] as number;
    const second = bytes[1] as number;
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
    if (mask !== undefined)
      for (let i = 0; i < length; i++)
        (payload[i] as number) ^= mask[i % 4] as number;
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
