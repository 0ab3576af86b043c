import { isUtf8 } from "node:buffer";
import {
  CLOSE_CODE,
  FIN,
  isSendableCloseCode,
  LENGTH_16,
  OPCODE,
} from "../../rfc6455.ts";

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
/** From here on four bytes at once are faster, with the copy that it takes. */
const WORDWISE_BYTES = 512;
/** A mask, as bytes and as the word that this machine makes of them. */
const maskBytes = new Uint8Array(MASK_BYTES);
const maskWord = new Int32Array(maskBytes.buffer);

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
 * Reads the frames that nearly all are: whole ones, masked, complete in the
 * chunk, at a boundary between messages. What is anything else, or wrong in any
 * way but its UTF-8, is left to the engine with all that comes behind it. The
 * engine takes five views, three states and two stream calls for a message, and
 * 2 kB for a connection: with 16 messages in a chunk that was most of what an
 * echo cost, and a third of an idle connection's memory.
 *
 * @param chunk - Is left as it is: what the listener gets is a copy.
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
    switch (kind) {
      case FRAME.text:
      case FRAME.binary: {
        if (length > maxPayloadBytes) return at;
        const data = Buffer.allocUnsafe(length);
        const hasHighBit = unmask(chunk, maskStart, data);
        if (kind === FRAME.text && hasHighBit && !isUtf8(data))
          listener.violated(CLOSE_CODE.invalidPayload);
        else listener.messageRead(data, kind === FRAME.binary);
        break;
      }
      case FRAME.ping: {
        const data = Buffer.allocUnsafe(length);
        unmask(chunk, maskStart, data);
        listener.pingRead(data);
        break;
      }
      case FRAME.pong:
        break;
      case FRAME.close:
        if (length === 0) listener.closeRead(CLOSE_CODE.noCode, "");
        else if (!readClose(chunk, maskStart, length, listener)) return at;
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
  length: number,
  listener: FrameListener,
): boolean {
  if (length < 2) return false;
  const payload = Buffer.allocUnsafe(length);
  unmask(chunk, maskStart, payload);
  const code = payload.readUInt16BE(0);
  const reason = payload.subarray(2);
  if (!isSendableCloseCode(code) || !isUtf8(reason)) return false;
  listener.closeRead(code, reason.toString());
  return true;
}

/**
 * Unmasks the payload behind a mask (RFC 6455, 5.3) into a buffer of its length.
 *
 * @returns whether any byte is above 0x7f: text without one is valid as it is
 */
function unmask(chunk: Buffer, maskStart: number, data: Buffer): boolean {
  const { length } = data;
  if (length >= WORDWISE_BYTES) {
    unmaskByWords(chunk, maskStart, data);
    // Whoever looks for it is as fast.
    return true;
  }
  let from = maskStart + MASK_BYTES;
  const mask0 = chunk[maskStart] as number;
  const mask1 = chunk[maskStart + 1] as number;
  const mask2 = chunk[maskStart + 2] as number;
  const mask3 = chunk[maskStart + 3] as number;
  let seen = 0;
  let at = 0;
  for (
    const last = length - 3;
    at < last;
    at += MASK_BYTES, from += MASK_BYTES
  ) {
    seen |= data[at] = (chunk[from] as number) ^ mask0;
    seen |= data[at + 1] = (chunk[from + 1] as number) ^ mask1;
    seen |= data[at + 2] = (chunk[from + 2] as number) ^ mask2;
    seen |= data[at + 3] = (chunk[from + 3] as number) ^ mask3;
  }
  if (at < length) seen |= data[at] = (chunk[from] as number) ^ mask0;
  if (at + 1 < length)
    seen |= data[at + 1] = (chunk[from + 1] as number) ^ mask1;
  if (at + 2 < length)
    seen |= data[at + 2] = (chunk[from + 2] as number) ^ mask2;
  return (seen & 0x80) !== 0;
}

/**
 * The same four bytes at once, where they are aligned: in the copy, since Node
 * begins each buffer at a multiple of eight. A fifth of the time that bytes
 * take, and no native add-on: one that is being loaded while its thread is
 * ended aborts the process.
 */
function unmaskByWords(chunk: Buffer, maskStart: number, data: Buffer): void {
  const { length } = data;
  const start = maskStart + MASK_BYTES;
  chunk.copy(data, 0, start, start + length);
  chunk.copy(maskBytes, 0, maskStart, start);
  const mask = maskWord[0] as number;
  const words = new Int32Array(data.buffer, data.byteOffset, length >>> 2);
  for (let at = 0; at < words.length; at++)
    words[at] = (words[at] as number) ^ mask;
  for (let at = words.length * MASK_BYTES; at < length; at++)
    data[at] =
      (data[at] as number) ^ (chunk[maskStart + (at % MASK_BYTES)] as number);
}
