/** Opcodes of RFC 6455, 5.2. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** First byte of a frame, 5.2: it is the last, or only, one of its message. */
export const FIN = 0x80;
/** The same: the message is compressed (RFC 7692, 6). */
export const RSV1 = 0x40;
/** Lengths up to here stand in the second byte; above, these numbers say how many bytes behind it hold one. */
export const LENGTH_16 = 126;
export const LENGTH_64 = 127;
const MOST_IN_16_BITS = 65_535;

/** How many bytes an unmasked frame's header takes (5.2). */
export function headerBytes(length: number): number {
  if (length < LENGTH_16) return 2;
  return length <= MOST_IN_16_BITS ? 4 : 10;
}

/**
 * Writes the header of an unmasked frame, as servers send it (5.2).
 *
 * @param first - FIN and opcode.
 * @param length - Of the payload, in bytes.
 * @returns where the payload begins
 */
export function writeHeader(
  into: Buffer,
  at: number,
  first: number,
  length: number,
): number {
  into[at] = first;
  if (length < LENGTH_16) {
    into[at + 1] = length;
    return at + 2;
  }
  if (length <= MOST_IN_16_BITS) {
    into[at + 1] = LENGTH_16;
    return into.writeUInt16BE(length, at + 2);
  }
  into[at + 1] = LENGTH_64;
  into.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
  return into.writeUInt32BE(length % 2 ** 32, at + 6);
}

/** RFC 6455, 7.4.1, and the IANA registry of close codes. */
export const CLOSE_CODE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  noCode: 1005,
  abnormal: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
} as const;

/** Those that {@link isSendableCloseCode} lets pass, in words. */
export const SENDABLE_CLOSE_CODES =
  "1000 to 1003, 1007 to 1014 or 3000 to 4999";

/**
 * A code that an endpoint may put into a close frame: RFC 6455 section 7.4 and
 * the IANA registry (1012 to 1014). 1004 to 1006 and 1015 never go on the wire;
 * 3000 to 4999 are for libraries and applications.
 */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
