/**
 * Verifies what a server sends back, byte for byte, at the price of one
 * `memcmp` a chunk: all replies on a connection are the same bytes, so the
 * stream must be that reply over and over. Only where it differs is it looked
 * at as frames, since a server may send a ping or a close in between.
 */
import { opcodes, readServerFrame } from "./frames.ts";

/** Called with each control frame that comes between replies. */
export type ControlHandler = (opcode: number, payload: Buffer) => void;

/** Reads what comes back on one connection. */
export interface ReplyReader {
  /**
   * Takes what arrived.
   *
   * @param chunk - Is read before the call returns and not kept.
   * @returns How many replies were completed by it.
   * @throws UnexpectedReplyError when it is not what was to come.
   */
  feed(chunk: Buffer): number;
}

/** The longest chunk that is compared at once. */
const longestChunk = 65_536;

/**
 * Repeats a reply until any chunk of the stream is contained in it, at any
 * phase. One such buffer serves all connections that expect the same reply.
 */
export function repeatReply(reply: Buffer): Buffer {
  const times = 1 + Math.ceil(longestChunk / reply.length);
  return Buffer.concat(Array.from({ length: times }, () => reply));
}

/** The bytes were neither the expected reply nor a control frame. */
export class UnexpectedReplyError extends Error {
  override readonly name = "UnexpectedReplyError";
}

/** Counts and verifies the replies on one connection. */
export class ReplyStream implements ReplyReader {
  readonly #repeated: Buffer;
  readonly #replyBytes: number;
  readonly #onControl: ControlHandler;
  /** How far into the current reply the stream is. */
  #phase = 0;
  /** The beginning of a control frame whose end is still to come. */
  #pending: Buffer | undefined;

  /**
   * @param repeated - From {@link repeatReply}.
   * @param replyBytes - Length of one reply.
   * @param onControl - Told of control frames.
   */
  constructor(repeated: Buffer, replyBytes: number, onControl: ControlHandler) {
    this.#repeated = repeated;
    this.#replyBytes = replyBytes;
    this.#onControl = onControl;
  }

  feed(chunk: Buffer): number {
    const bytes =
      this.#pending === undefined
        ? chunk
        : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    let completed = 0;
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(bytes.length, start + longestChunk);
      if (this.#matches(bytes, start, end)) {
        completed += this.#advance(end - start);
        start = end;
        continue;
      }
      const rest = this.#replyBytes - this.#phase;
      if (
        this.#phase !== 0 &&
        end - start >= rest &&
        this.#matches(bytes, start, start + rest)
      ) {
        completed += this.#advance(rest);
        start += rest;
        continue;
      }
      const next = this.#skipOne(bytes, start);
      if (next === undefined) break;
      completed += next.replies;
      start = next.end;
    }
    return completed;
  }

  #matches(bytes: Buffer, start: number, end: number): boolean {
    const from = this.#phase;
    const to = from + end - start;
    return this.#repeated.compare(bytes, start, end, from, to) === 0;
  }

  #advance(byteCount: number): number {
    const position = this.#phase + byteCount;
    const replies = Math.floor(position / this.#replyBytes);
    this.#phase = position - replies * this.#replyBytes;
    return replies;
  }

  /** Takes one reply or one control frame, or keeps the start of the latter. */
  #skipOne(
    bytes: Buffer,
    start: number,
  ): { end: number; replies: number } | undefined {
    if (this.#phase !== 0) {
      throw new UnexpectedReplyError(
        `A reply differs from what was sent, ${this.#phase} bytes into it.`,
      );
    }
    const end = start + this.#replyBytes;
    if (bytes.length >= end && this.#matches(bytes, start, end)) {
      return { end, replies: 1 };
    }
    if ((bytes.readUInt8(start) & 0x0f) < opcodes.close) {
      throw new UnexpectedReplyError("A reply differs from what was sent.");
    }
    const frame = readServerFrame(bytes, start);
    if (frame === undefined) {
      this.#pending = Buffer.from(bytes.subarray(start));
      return undefined;
    }
    this.#onControl(frame.opcode, frame.payload);
    return { end: frame.end, replies: 0 };
  }
}
