import { isUtf8 } from "node:buffer";
import type { Receiver } from "./ws-engine.ts";
import { isAtBoundary } from "./ws-engine.ts";

const TEXT_FRAME = 0x81;
const BINARY_FRAME = 0x82;
const MASKED = 0x80;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;
/** RFC 6455, 7.4.1. */
const INVALID_PAYLOAD = 1007;

/** What a frame reader tells its connection. */
export interface FrameListener {
  /** False once nothing that the peer sends counts any more. */
  readonly isReading: boolean;
  messageRead(data: Buffer, isBinary: boolean): void;
  /** The peer broke the protocol; the connection has to close with this code. */
  violated(closeCode: number): void;
}

/**
 * Reads the frame that nearly all are: one whole text or binary message, masked,
 * below 64 KiB, complete in the chunk (RFC 6455, 5.2). Everything else, and what
 * comes behind it until the next frame boundary, is read by the engine. One such
 * message costs the engine five views, three states and two stream calls; with
 * 16 messages in a chunk that was most of what an echo cost.
 *
 * @param listener - Told of every message.
 * @param receiver - The engine, for the rest. Without extensions: what is
 *   compressed is decompressed later, and must not be overtaken.
 * @returns bytes of the chunk that were left to the engine
 */
export function readFrames(
  chunk: Buffer,
  receiver: Receiver,
  maxPayloadBytes: number,
  listener: FrameListener,
): number {
  let at = 0;
  if (isAtBoundary(receiver)) {
    while (chunk.length - at >= 2 + MASK_BYTES) {
      const kind = chunk[at] as number;
      const second = chunk[at + 1] as number;
      let length = second & LENGTH;
      if (
        (kind !== TEXT_FRAME && kind !== BINARY_FRAME) ||
        (second & MASKED) === 0 ||
        length === LENGTH_64
      )
        break;
      let start = at + 2;
      if (length === LENGTH_16) {
        length = ((chunk[start] as number) << 8) | (chunk[start + 1] as number);
        start += 2;
      }
      const payloadStart = start + MASK_BYTES;
      const end = payloadStart + length;
      if (end > chunk.length || length > maxPayloadBytes) break;
      const hasHighBit = unmask(chunk, start, payloadStart, end);
      const data = chunk.subarray(payloadStart, end);
      at = end;
      if (kind === TEXT_FRAME && hasHighBit && !isUtf8(data)) {
        listener.violated(INVALID_PAYLOAD);
        return 0;
      }
      listener.messageRead(data, kind === BINARY_FRAME);
      if (!listener.isReading) return 0;
    }
  }
  const left = chunk.length - at;
  if (left > 0) receiver.write(at === 0 ? chunk : chunk.subarray(at));
  return left;
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
