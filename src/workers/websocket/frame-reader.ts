import { isUtf8 } from "node:buffer";
import {
  CLOSE_CODE,
  FIN,
  isSendableCloseCode,
  LENGTH_16,
  OPCODE,
} from "../../rfc6455.ts";
import { messageMemory } from "./message-memory.ts";
import { unmask } from "./unmask.ts";

/** First bytes of a whole message or control frame: FIN, no extension, opcode (RFC 6455, 5.2). */
const FRAME = {
  text: FIN | OPCODE.text,
  binary: FIN | OPCODE.binary,
  close: FIN | OPCODE.close,
  ping: FIN | OPCODE.ping,
  pong: FIN | OPCODE.pong,
} as const;
const MASKED = 0x80;
const LENGTH = 0x7f;
const MASK_BYTES = 4;

/** What a frame reader tells its connection. */
export interface FrameListener {
  /** False once nothing that the peer sends counts any more. */
  readonly isReading: boolean;
  /** The next frame has to wait, unread. */
  readonly isStopped: boolean;
  /** Frames and bytes are counted, and told to {@link FrameListener.meter}. */
  readonly isMetered: boolean;
  /** A message that comes now is given to someone: it has to be kept while it comes in parts. */
  readonly takesMessages: boolean;
  messageRead(data: Buffer, isBinary: boolean): void;
  /** A message of permessage-deflate (RFC 7692), still compressed. */
  compressedRead(data: Buffer, isBinary: boolean): void;
  pingRead(data: Buffer): void;
  closeRead(code: number, reason: string): void;
  /** The peer broke the protocol; the connection has to close with this code. */
  violated(closeCode: number): void;
  /**
   * Bytes of a frame have come.
   *
   * @param opcode - Of the frame that began with them; `undefined` where they only go on.
   */
  meter(bytes: number, opcode: number | undefined): void;
}

/**
 * Reads the frames that nearly all are: whole ones, masked, complete in the
 * chunk, at a boundary between messages. What is anything else is left to
 * {@link MessageAssembly}.
 *
 * @param chunk - Is left as it is: what the listener gets is a copy.
 * @param at - Where to begin.
 * @param budget - Frames that may be read; what was read is taken from it.
 * @returns up to where it was read here
 */
export function readFrames(
  chunk: Buffer,
  at: number,
  maxPayloadBytes: number,
  listener: FrameListener,
  budget: { frames: number },
): number {
  while (
    chunk.length - at >= 2 + MASK_BYTES &&
    budget.frames > 0 &&
    !listener.isStopped
  ) {
    const kind = chunk[at] as number;
    const second = chunk[at + 1] as number;
    let length = second & LENGTH;
    if ((second & MASKED) === 0) break;
    let maskStart = at + 2;
    if (length >= LENGTH_16) {
      if (kind > FRAME.binary) break;
      if (length === LENGTH_16) {
        length = chunk.readUInt16BE(maskStart);
        maskStart += 2;
      } else {
        if (chunk.length - at < 14 || chunk.readUInt32BE(maskStart) > 0) break;
        length = chunk.readUInt32BE(maskStart + 4);
        maskStart += 8;
      }
    }
    const start = maskStart + MASK_BYTES;
    const end = start + length;
    if (end > chunk.length) break;
    if (!isPlain(kind) || length > maxPayloadBytes) return at;
    if (kind === FRAME.close) {
      const payload = Buffer.allocUnsafe(length);
      unmask(chunk, maskStart, payload);
      const close = readClose(payload);
      if (typeof close === "number") listener.violated(close);
      else listener.closeRead(close.code, close.reason);
      return chunk.length;
    }
    budget.frames--;
    if (listener.isMetered) listener.meter(end - at, kind & 0x0f);
    if (kind <= FRAME.binary) {
      const data = messageMemory.take(length);
      const hasHighBit = unmask(chunk, maskStart, data);
      if (kind === FRAME.text && hasHighBit && !isUtf8(data))
        listener.violated(CLOSE_CODE.invalidPayload);
      else listener.messageRead(data, kind === FRAME.binary);
    } else if (kind === FRAME.ping) {
      const data = messageMemory.take(length);
      unmask(chunk, maskStart, data);
      listener.pingRead(data);
    }
    at = end;
    if (!listener.isReading) return chunk.length;
  }
  return at;
}

function isPlain(kind: number): boolean {
  return (
    kind === FRAME.text ||
    kind === FRAME.binary ||
    (kind >= FRAME.close && kind <= FRAME.pong)
  );
}

/** What a close frame says; the code to fail with, where it says something wrong (RFC 6455, 5.5.1, 7.4). */
export function readClose(
  payload: Buffer,
): { code: number; reason: string } | number {
  if (payload.length === 0) return { code: CLOSE_CODE.noCode, reason: "" };
  if (payload.length < 2) return CLOSE_CODE.protocolError;
  const code = payload.readUInt16BE(0);
  const reason = payload.subarray(2);
  if (!isSendableCloseCode(code)) return CLOSE_CODE.protocolError;
  if (!isUtf8(reason)) return CLOSE_CODE.invalidPayload;
  return { code, reason: reason.toString() };
}
