/**
 * Messages with permessage-deflate (RFC 7692). What comes back differs from
 * time to time where the server refers to what it has said before, so replies
 * are counted as frames, and inflated on some connections alone: a generator of
 * load may not cost more than what it measures.
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { opcodes, readServerFrame } from "./frames.ts";
import {
  type ControlHandler,
  type ReplyReader,
  UnexpectedReplyError,
} from "./reply-stream.ts";

const finishFlush = constants.Z_SYNC_FLUSH;
/** What a sender leaves out behind each message (section 7.2.1). */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const windowBytes = 32 * 1024;
/** On every so many connections each reply is inflated. */
const inflatedOneIn = 20;

/**
 * Compresses a message so that it refers to nothing before it.
 *
 * @param payload - Any bytes.
 */
export function deflated(payload: Buffer): Buffer {
  return deflateRawSync(payload, { finishFlush }).subarray(0, -tail.length);
}

/**
 * JSON as it is sent in practice: some fields with names that repeat, and
 * values that do not.
 *
 * @param bytes - How long exactly.
 * @param variant - Different ones give different values.
 */
export function jsonOf(bytes: number, variant: number): Buffer {
  const quotes: object[] = [];
  let json = "";
  let state = variant + 1;
  const next = (below: number): number =>
    (state = (state * 48_271) % 2_147_483_647) % below;
  while (json.length < bytes) {
    quotes.push({
      symbol: `${next(26 ** 4).toString(36)}.N`,
      bid: next(100_000) / 100,
      ask: next(100_000) / 100,
      at: 1_700_000_000_000 + next(1_000_000_000),
    });
    json = JSON.stringify({ type: "quotes", quotes });
  }
  return Buffer.from(json.slice(0, bytes));
}

/** Counts the replies on one connection; on some it verifies them. */
export class DeflatedReplies implements ReplyReader {
  readonly #payload: Buffer;
  readonly #onControl: ControlHandler;
  /** What a reply may refer to; undefined where replies are only counted. */
  #window: Buffer | undefined;
  #pending: Buffer | undefined;

  /**
   * @param payload - What each reply says.
   * @param index - The connection's place among all.
   * @param onControl - Told of control frames.
   */
  constructor(payload: Buffer, index: number, onControl: ControlHandler) {
    this.#payload = payload;
    this.#onControl = onControl;
    if (index % inflatedOneIn === 0) this.#window = Buffer.alloc(0);
  }

  feed(chunk: Buffer): number {
    const bytes =
      this.#pending === undefined
        ? chunk
        : Buffer.concat([this.#pending, chunk]);
    let completed = 0;
    let start = 0;
    for (;;) {
      const frame = readServerFrame(bytes, start);
      if (frame === undefined) break;
      start = frame.end;
      if (frame.opcode >= opcodes.close)
        this.#onControl(frame.opcode, frame.payload);
      else {
        if (!frame.isCompressed)
          throw new UnexpectedReplyError("A reply came uncompressed.");
        this.#verify(frame.payload);
        completed++;
      }
    }
    this.#pending =
      start === bytes.length ? undefined : Buffer.from(bytes.subarray(start));
    return completed;
  }

  #verify(payload: Buffer): void {
    if (this.#window === undefined) return;
    const reply = inflateRawSync(Buffer.concat([payload, tail]), {
      finishFlush,
      ...(this.#window.length > 0 && { dictionary: this.#window }),
    });
    if (!reply.equals(this.#payload))
      throw new UnexpectedReplyError("A reply differs from what was sent.");
    this.#window = Buffer.concat([this.#window, reply]).subarray(-windowBytes);
  }
}
