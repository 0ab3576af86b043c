import { OPCODE } from "../rfc6455.ts";

/** A frame as it was on the wire, unmasked (RFC 6455, 5.2). */
export interface Frame {
  readonly isFinal: boolean;
  /** The three reserved bits. */
  readonly reserved: number;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** How a frame differs from a client's usual one. */
export interface FrameDetails {
  readonly isFinal?: boolean;
  readonly reserved?: number;
}

const NO_CODE = 1005;
const NO_MASK = Buffer.alloc(4);

/**
 * Writes a frame as a client does, masked.
 *
 * @param mask - Four bytes; zeros leave the payload legible.
 */
export function clientFrame(
  opcode: number,
  payload: string | Uint8Array = "",
  mask: Uint8Array = NO_MASK,
  { isFinal = true, reserved = 0 }: FrameDetails = {},
): Buffer {
  const data = Buffer.from(payload as string);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  for (let at = 0; at < data.length; at++)
    (data[at] as number) ^= mask[at % 4] as number;
  return Buffer.concat([header(first, data.length), mask, data]);
}

function header(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, 0x80 | length]);
  if (length < 65_536)
    return Buffer.from([first, 0x80 | 126, length >> 8, length & 0xff]);
  const long = Buffer.from([first, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}

/** A close frame of a client; without a code it says nothing. */
export function clientCloseFrame(code?: number, reason = ""): Buffer {
  if (code === undefined) return clientFrame(OPCODE.close);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return clientFrame(OPCODE.close, payload);
}

/** What a close frame says; 1005 is RFC 6455's code for one that says nothing. */
export function readCloseFrame({ payload }: Frame): {
  code: number;
  reason: string;
} {
  return payload.length < 2
    ? { code: NO_CODE, reason: "" }
    : {
        code: payload.readUInt16BE(0),
        reason: payload.subarray(2).toString(),
      };
}

/** Cuts a stream of bytes into frames. */
export class FrameCutter {
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const frames: Frame[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take())
      frames.push(next);
    return frames;
  }

  #take(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const [first, second] = bytes as unknown as [number, number];
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
    const mask = (second & 0x80) === 0 ? undefined : bytes.subarray(at, at + 4);
    if (mask !== undefined) at += 4;
    if (bytes.length < at + length) return undefined;
    const payload = Buffer.from(bytes.subarray(at, at + length));
    if (mask !== undefined)
      for (let index = 0; index < length; index++)
        (payload[index] as number) ^= mask[index % 4] as number;
    this.#bytes = bytes.subarray(at + length);
    return {
      isFinal: (first & 0x80) !== 0,
      reserved: (first >> 4) & 7,
      opcode: first & 0xf,
      payload,
    };
  }
}
