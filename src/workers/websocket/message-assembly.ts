import { isUtf8 } from "node:buffer";
import {
  CLOSE_CODE,
  FIN,
  LENGTH_16,
  LENGTH_64,
  OPCODE,
  RSV1,
} from "../../rfc6455.ts";
import { type FrameListener, readClose } from "./frame-reader.ts";
import { unmaskPart } from "./unmask.ts";

const RSV2_3 = 0x30;
const OPCODE_BITS = 0x0f;
const MASKED = 0x80;
const LENGTH = 0x7f;
const MASK_BYTES = 4;
/** The longest header: two bytes, a length of 64 bits, a mask (RFC 6455, 5.2). */
const MAX_HEADER_BYTES = 14;
const MAX_CONTROL_BYTES = 125;
/** Above, a length is no safe integer. */
const MAX_HIGH_WORD = 2 ** 21 - 1;
/** Fragments of fewer bytes than this on average are an attack, not a way to send. */
const SMALLEST_FAIR_FRAGMENT_BYTES = 64;
const FEWEST_FRAGMENTS = 1024;
const SMALLEST_CAPACITY_BYTES = 256;
/** What an assembly weighs besides the bytes that it holds. */
const OWN_BYTES = 512;
const NOTHING = Buffer.alloc(0);

/** What an assembly has to know of its connection. */
export interface AssemblyLimits {
  readonly maxPayloadBytes: number;
  /** permessage-deflate is in force: RSV1 may be set (RFC 7692, 6). */
  readonly isCompressible: boolean;
}

/**
 * Reads what does not come as one whole frame in one chunk: frames that are cut
 * anywhere, messages in fragments, and frames that break the rules, which it
 * judges. It exists only meanwhile. What it holds is as large as what has come,
 * or twice that, however it was cut: the parts are merged as they come, and
 * keep nothing alive of the chunks they came in.
 */
export class MessageAssembly {
  /** Since when the peer has owed the rest of it, on the connection's clock. */
  since: number;
  readonly #listener: FrameListener;
  readonly #limits: AssemblyLimits;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerBytes = 0;
  /** How much of the header has to be there for the next look at it. */
  #wanted = 2;
  /** Of the frame under way. */
  #opcode = 0;
  #isFinal = false;
  #length = 0;
  #got = 0;
  #control: Buffer | null = null;
  /** Of the message under way: its opcode, or 0 between messages. */
  #kind = 0;
  #isCompressed = false;
  #total = 0;
  #fragments = 0;
  #message: Buffer | null = null;
  #filled = 0;

  constructor(listener: FrameListener, limits: AssemblyLimits, now: number) {
    this.#listener = listener;
    this.#limits = limits;
    this.since = now;
  }

  /** Nothing is under way: whole frames may be read without it. */
  get isDone(): boolean {
    return this.#headerBytes === 0 && this.#kind === 0;
  }

  /** What it keeps in memory. */
  get heldBytes(): number {
    return OWN_BYTES + (this.#message?.length ?? 0);
  }

  /** Nobody will take the message under way: what has come of it is not kept. */
  forget(): void {
    this.#message = null;
  }

  /**
   * Takes bytes to the end of the frame under way, or as many as there are.
   *
   * @returns up to where the chunk was read
   */
  push(chunk: Buffer, start: number): number {
    const at = this.#readHeader(chunk, start);
    if (at < 0) return chunk.length;
    if (this.#headerBytes < this.#wanted) return at;
    const end = Math.min(chunk.length, at + this.#length - this.#got);
    if (end > at) this.#takePayload(chunk, at, end);
    if (this.#got === this.#length) this.#endFrame();
    return end;
  }

  /** The header, as far as it has come; -1 when it broke a rule. */
  #readHeader(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length && this.#headerBytes < this.#wanted) {
      this.#header[this.#headerBytes++] = chunk[at++] as number;
      if (this.#headerBytes < this.#wanted) continue;
      const fault = this.#judgeHeader();
      if (fault === undefined) continue;
      this.#listener.violated(fault);
      return -1;
    }
    const isWhole = at > start && this.#headerBytes === this.#wanted;
    if (isWhole && this.#listener.isMetered)
      this.#listener.meter(this.#headerBytes, this.#header[0]! & OPCODE_BITS);
    return at;
  }

  /** Looks at what is there, and says what is wanted next; the close code when it is wrong. */
  #judgeHeader(): number | undefined {
    const header = this.#header;
    const short = (header[1] as number) & LENGTH;
    const lengthBytes = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0;
    if (this.#headerBytes === 2) {
      const fault = this.#judgeFirstBytes(header[0] as number, short);
      if (fault !== undefined) return fault;
      this.#wanted = 2 + (lengthBytes > 0 ? lengthBytes : MASK_BYTES);
      return lengthBytes > 0 ? undefined : this.#begin(short);
    }
    if (lengthBytes === 0 || this.#headerBytes !== 2 + lengthBytes)
      return undefined;
    this.#wanted += MASK_BYTES;
    const view = new DataView(header.buffer);
    if (short === LENGTH_16) return this.#begin(view.getUint16(2));
    const high = view.getUint32(2);
    if (high > MAX_HIGH_WORD) return CLOSE_CODE.messageTooBig;
    return this.#begin(high * 2 ** 32 + view.getUint32(6));
  }

  /** RFC 6455, 5.2, 5.4 and 5.5; RFC 7692, 6. */
  #judgeFirstBytes(first: number, short: number): number | undefined {
    const opcode = first & OPCODE_BITS;
    const isFinal = (first & FIN) !== 0;
    const isCompressed = (first & RSV1) !== 0;
    const isControl = opcode >= OPCODE.close;
    const isKnown =
      opcode <= OPCODE.binary || (isControl && opcode <= OPCODE.pong);
    const isContinuation = opcode === OPCODE.continuation;
    const isOutOfPlace = !isControl && isContinuation !== (this.#kind !== 0);
    const isWrongControl =
      isControl &&
      (!isFinal ||
        short > MAX_CONTROL_BYTES ||
        (opcode === OPCODE.close && short === 1));
    const mayBeCompressed =
      this.#limits.isCompressible && !isControl && !isContinuation;
    if (
      (first & RSV2_3) !== 0 ||
      (isCompressed && !mayBeCompressed) ||
      !isKnown ||
      isOutOfPlace ||
      isWrongControl ||
      ((this.#header[1] as number) & MASKED) === 0
    )
      return CLOSE_CODE.protocolError;
    this.#opcode = opcode;
    this.#isFinal = isFinal;
    if (isControl || isContinuation) return undefined;
    this.#kind = opcode;
    this.#isCompressed = isCompressed;
    return undefined;
  }

  /** The length of the frame is known. */
  #begin(length: number): number | undefined {
    this.#length = length;
    this.#got = 0;
    if (this.#opcode >= OPCODE.close) return undefined;
    this.#total += length;
    return this.#total > this.#limits.maxPayloadBytes
      ? CLOSE_CODE.messageTooBig
      : undefined;
  }

  #takePayload(chunk: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.#listener.isMetered) this.#listener.meter(bytes, undefined);
    const mask = this.#header.subarray(this.#wanted - MASK_BYTES);
    if (this.#opcode >= OPCODE.close) {
      this.#control ??= Buffer.allocUnsafeSlow(this.#length);
      chunk.copy(this.#control, this.#got, start, end);
      unmaskPart(this.#control, this.#got, this.#got + bytes, mask, this.#got);
    } else if (this.#listener.takesMessages) {
      const message = this.#reserve(bytes);
      const from = this.#filled;
      this.#filled += bytes;
      chunk.copy(message, from, start, end);
      unmaskPart(message, from, this.#filled, mask, this.#got);
    } else this.#message = null;
    this.#got += bytes;
  }

  /** Room for so many more bytes: no more than was claimed, and no more than twice what has come. */
  #reserve(bytes: number): Buffer {
    const needed = this.#filled + bytes;
    const message = this.#message;
    if (message !== null && message.length >= needed) return message;
    const most = this.#isFinal ? this.#total : this.#limits.maxPayloadBytes;
    const capacity = Math.max(2 * needed, SMALLEST_CAPACITY_BYTES);
    const larger = Buffer.allocUnsafeSlow(Math.min(most, capacity));
    message?.copy(larger, 0, 0, this.#filled);
    this.#message = larger;
    return larger;
  }

  #endFrame(): void {
    this.#headerBytes = 0;
    this.#wanted = 2;
    if (this.#opcode >= OPCODE.close) return this.#endControl();
    const { maxPayloadBytes } = this.#limits;
    const mostFragments = Math.max(
      FEWEST_FRAGMENTS,
      Math.ceil(maxPayloadBytes / SMALLEST_FAIR_FRAGMENT_BYTES),
    );
    if (++this.#fragments > mostFragments)
      return this.#listener.violated(CLOSE_CODE.policyViolation);
    return this.#isFinal ? this.#endMessage() : undefined;
  }

  #endMessage(): void {
    const listener = this.#listener;
    const isBinary = this.#kind === OPCODE.binary;
    const isWhole = this.#filled === this.#total;
    const data = this.#message?.subarray(0, this.#filled) ?? NOTHING;
    this.#kind = 0;
    this.#total = 0;
    this.#fragments = 0;
    this.#message = null;
    this.#filled = 0;
    // Its beginning came when nobody took it any more.
    if (!isWhole || !listener.takesMessages) return undefined;
    if (this.#isCompressed) return listener.compressedRead(data, isBinary);
    if (!isBinary && !isUtf8(data))
      return listener.violated(CLOSE_CODE.invalidPayload);
    return listener.messageRead(data, isBinary);
  }

  #endControl(): void {
    const data = this.#control ?? NOTHING;
    this.#control = null;
    if (this.#opcode === OPCODE.ping) this.#listener.pingRead(data);
    if (this.#opcode !== OPCODE.close) return;
    const close = readClose(data);
    if (typeof close === "number") this.#listener.violated(close);
    else this.#listener.closeRead(close.code, close.reason);
  }
}
