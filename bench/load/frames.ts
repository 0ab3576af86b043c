/**
 * WebSocket frames as the load needs them: built once, sent many times, and
 * read back without a WebSocket library. RFC 6455, section 5.2. Not the codec
 * of the tests: that copies each payload and takes apart what breaks the rules,
 * and a generator of load may not cost more than what it measures.
 */

export const opcodes = {
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

const finalBit = 0x80;
/** RFC 7692, section 6. */
export const compressedBit = 0x40;
const maskBit = 0x80;

/** One unfragmented frame from the server. */
export interface ServerFrame {
  readonly opcode: number;
  /** By permessage-deflate. */
  readonly isCompressed: boolean;
  readonly payload: Buffer;
  /** Where the frame ends in the bytes it was read from. */
  readonly end: number;
}

/**
 * Builds an unmasked frame, as a server sends it.
 *
 * @param opcode - One of {@link opcodes}.
 * @param payload - Any length.
 */
export function serverFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([header(opcode, payload.length, 0), payload]);
}

/**
 * Builds a masked frame, as a client must send it (section 5.3).
 *
 * @param opcode - One of {@link opcodes}, with {@link compressedBit} where the payload is.
 * @param payload - Any length; it is not changed.
 * @param mask - The four-byte masking key.
 */
export function clientFrame(
  opcode: number,
  payload: Uint8Array,
  mask: Uint8Array,
): Buffer {
  const masked = Buffer.from(payload);
  for (let index = 0; index < masked.length; index++) {
    masked[index] = (masked[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return Buffer.concat([header(opcode, payload.length, maskBit), mask, masked]);
}

/**
 * Reads the frame that starts at `start`.
 *
 * @returns The frame, its payload a view of `bytes`, or undefined when its end
 *   has not arrived yet.
 * @throws Error when it is fragmented, masked or has reserved bits set, but for
 *   that of permessage-deflate: no server here has a reason to send that.
 */
export function readServerFrame(
  bytes: Buffer,
  start: number,
): ServerFrame | undefined {
  if (bytes.length < start + 2) return undefined;
  const first = bytes.readUInt8(start);
  const second = bytes.readUInt8(start + 1);
  if (
    (first & 0xf0 & ~compressedBit) !== finalBit ||
    (second & maskBit) !== 0
  ) {
    throw new Error(
      `Unexpected frame header ${first.toString(16)} ${second.toString(16)}.`,
    );
  }
  let length = second;
  let payloadStart = start + 2;
  if (length === 126) {
    if (bytes.length < start + 4) return undefined;
    length = bytes.readUInt16BE(start + 2);
    payloadStart = start + 4;
  } else if (length === 127) {
    if (bytes.length < start + 10) return undefined;
    length = Number(bytes.readBigUInt64BE(start + 2));
    payloadStart = start + 10;
  }
  const end = payloadStart + length;
  if (bytes.length < end) return undefined;
  return {
    opcode: first & 0x0f,
    isCompressed: (first & compressedBit) !== 0,
    payload: bytes.subarray(payloadStart, end),
    end,
  };
}

function header(opcode: number, length: number, mask: number): Buffer {
  if (length < 126) return Buffer.from([finalBit | opcode, mask | length]);
  if (length < 65_536) {
    const bytes = Buffer.from([finalBit | opcode, mask | 126, 0, 0]);
    bytes.writeUInt16BE(length, 2);
    return bytes;
  }
  const bytes = Buffer.alloc(10);
  bytes[0] = finalBit | opcode;
  bytes[1] = mask | 127;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}
