import { isUtf8 } from "node:buffer";
import { isSendableCloseCode } from "../config.ts";

/** First bytes of a whole message or control frame: FIN, no extension, opcode (RFC 6455, 5.2). */
const FRAME = {
  text: 0x81,
  binary: 0x82,
  close: 0x88,
  ping: 0x89,
  pong: 0x8a,
} as const;
const MASKED = 0x80;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;
/** RFC 6455, 7.1.5: a close frame without a code. */
const NO_CODE = 1005;
/** RFC 6455, 7.4.1. */
const INVALID_PAYLOAD = 1007;

/** What a frame reader tells its connection. */
export interface FrameListener {
  /** False once nothing that the peer sends counts any more. */
  readonly isReading: boolean;
  messageRead(data: Buffer, isBinary: boolean): void;
  pingRead(data: Buffer): void;
  closeRead(code: number, reason: string): void;
  /** The peer broke the protocol; the connection has to close with this code. */
  violated(closeCode: number): void;
}

/**
 * Reads the frames that nearly all are: whole ones, masked, below 64 KiB,
 * complete in the chunk, at a boundary between messages. What is anything else,
 * or wrong in any way but its UTF-8, is left to the engine with all that comes
 * behind it. The engine takes five views, three states and two stream calls for
 * a message, and 2 kB for a connection: with 16 messages in a chunk that was
 * most of what an echo cost, and a third of an idle connection's memory.
 *
 * @returns how many bytes were read here; the rest is the engine's
 */
export function readFrames(
  chunk: Buffer,
  maxPayloadBytes: number,
  listener: FrameListener,
): number {
  let at = 0;
  while (chunk.length - at >= 2 + MASK_BYTES) {
    const kind = chunk[at] as number;
    const second = chunk[at + 1] as number;
    let length = second & LENGTH;
    if ((second & MASKED) === 0 || length === LENGTH_64) break;
    let maskStart = at + 2;
    if (length === LENGTH_16) {
      if (kind > FRAME.binary) break;
      length = chunk.readUInt16BE(maskStart);
      maskStart += 2;
    }
    const start = maskStart + MASK_BYTES;
    const end = start + length;
    if (end > chunk.length) break;
    switch (kind) {
      case FRAME.text:
      case FRAME.binary: {
        if (length > maxPayloadBytes) return at;
        const hasHighBit = unmask(chunk, maskStart, start, end);
        const data = chunk.subarray(start, end);
        if (kind === FRAME.text && hasHighBit && !isUtf8(data))
          listener.violated(INVALID_PAYLOAD);
        else listener.messageRead(data, kind === FRAME.binary);
        break;
      }
      case FRAME.ping:
        unmask(chunk, maskStart, start, end);
        listener.pingRead(chunk.subarray(start, end));
        break;
      case FRAME.pong:
        break;
      case FRAME.close:
        if (length === 0) listener.closeRead(NO_CODE, "");
        else if (!readClose(chunk, maskStart, start, end, listener)) return at;
        break;
      default:
        return at;
    }
    at = end;
    if (!listener.isReading) return chunk.length;
  }
  return at;
}

/** Reads a close frame with a code; false when it is the engine's to refuse. */
function readClose(
  chunk: Buffer,
  maskStart: number,
  start: number,
  end: number,
  listener: FrameListener,
): boolean {
  if (end - start < 2) return false;
  const payload = Buffer.from(chunk.subarray(start, end));
  for (let i = 0; i < payload.length; i++)
    payload[i] =
      (payload[i] as number) ^ (chunk[maskStart + (i % MASK_BYTES)] as number);
  const code = payload.readUInt16BE(0);
  const reason = payload.subarray(2);
  if (!isSendableCloseCode(code) || !isUtf8(reason)) return false;
  listener.closeRead(code, reason.toString());
  return true;
}

/**
 * Unmasks in place (RFC 6455, 5.3).
 *
 * @returns whether any byte is above 0x7f: text without one is valid as it is
 */
function unmask(
  chunk: Buffer,
  maskStart: number,
  start: number,
  end: number,
): boolean {
  const mask0 = chunk[maskStart] as number;
  const mask1 = chunk[maskStart + 1] as number;
  const mask2 = chunk[maskStart + 2] as number;
  const mask3 = chunk[maskStart + 3] as number;
  let seen = 0;
  let at = start;
  for (const last = end - 3; at < last; at += MASK_BYTES) {
    seen |= chunk[at] = (chunk[at] as number) ^ mask0;
    seen |= chunk[at + 1] = (chunk[at + 1] as number) ^ mask1;
    seen |= chunk[at + 2] = (chunk[at + 2] as number) ^ mask2;
    seen |= chunk[at + 3] = (chunk[at + 3] as number) ^ mask3;
  }
  if (at < end) seen |= chunk[at] = (chunk[at] as number) ^ mask0;
  if (at + 1 < end) seen |= chunk[at + 1] = (chunk[at + 1] as number) ^ mask1;
  if (at + 2 < end) seen |= chunk[at + 2] = (chunk[at + 2] as number) ^ mask2;
  return (seen & 0x80) !== 0;
}
