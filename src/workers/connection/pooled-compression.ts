import { OPCODE, type Opcode, RSV1 } from "../../rfc6455.ts";
import {
  type Compressor,
  COMPRESSION_THRESHOLD_BYTES,
  type Deflation,
  type Inflated,
  type Inflater,
  type Publication,
} from "../websocket/compression.ts";
import {
  AT_ONCE_BYTES,
  type Cancel,
  type DeflatePool,
} from "../websocket/deflate-pool.ts";
import type { FrameWriter } from "../websocket/frame-writer.ts";

/** So much of one connection's is compressed and inflated here in a turn of the event loop; the rest by Node's threads. */
const BYTES_A_TURN = 64 * 1024;
/** The writer copies a payload up to this length, and keeps a longer one as it is. */
const COPIED_BYTES = 4 * 1024;

/** What it asks of its connection. */
export interface PooledOwner {
  readonly writer: Pick<FrameWriter, "frame" | "bytes">;
  readonly shard: { readonly deflatePool: DeflatePool };
  /** Something that was under way has been passed on. */
  compressorMoved(): void;
}

/** A message that waits for what is before it, or for its compression. */
type Waiting =
  | { readonly opcode: Opcode; readonly data: Buffer; readonly length: number }
  | Deflation;

/**
 * Compression of one connection that begins each message anew on both sides (no
 * context takeover: RFC 7692, 7.1.1): it has no zlib state of its own, so it
 * costs an idle connection next to nothing, and the connection can move.
 */
export class PooledCompression implements Compressor, Inflater {
  readonly windowBits: number;
  readonly #owner: PooledOwner;
  /** The first is under way; `null` when nothing is. */
  #queue: Waiting[] | null = null;
  #queuedBytes = 0;
  #ownBytes = 0;
  #inflatingBytes = 0;
  #cancelDeflating: Cancel | null = null;
  #cancelInflating: Cancel | null = null;
  #isClosed = false;
  #turn = -1;
  #turnBytes = 0;

  constructor(owner: PooledOwner, windowBits: number) {
    this.#owner = owner;
    this.windowBits = windowBits;
  }

  get bufferedBytes(): number {
    // An empty message has no bytes, and waits all the same.
    return this.#queuedBytes + (this.isIdle ? 0 : 1);
  }

  get heldBytes(): number {
    return this.#ownBytes + this.#inflatingBytes;
  }

  get isIdle(): boolean {
    return this.#queue === null;
  }

  send(data: Buffer | string, isBinary: boolean): void {
    const opcode = isBinary ? OPCODE.binary : OPCODE.text;
    if (this.isIdle && this.#sendNow(opcode, data)) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.#ownBytes += bytes.length;
    this.#wait({ opcode, data: bytes, length: bytes.length });
  }

  deliver(publication: Publication): void {
    const deflation = publication.deflated(this.windowBits);
    if (this.isIdle && deflation.frames !== null)
      this.#owner.writer.bytes(deflation.frames);
    else this.#wait(deflation);
  }

  inflate(data: Buffer, done: (inflated: Inflated) => void): void {
    const { deflatePool } = this.#owner.shard;
    if (this.#hasTurn(data.length)) {
      const inflated = deflatePool.inflateNow(data);
      if (inflated !== undefined) {
        if (typeof inflated !== "number") this.#turnBytes += inflated.length;
        return done(inflated);
      }
    }
    this.#inflatingBytes = data.length;
    this.#cancelInflating = deflatePool.inflateLater(data, (inflated) => {
      this.#cancelInflating = null;
      this.#inflatingBytes = 0;
      if (!this.#isClosed) done(inflated);
    });
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#queue = null;
    this.#queuedBytes = 0;
    this.#ownBytes = 0;
    this.#inflatingBytes = 0;
    this.#cancelDeflating?.();
    this.#cancelInflating?.();
  }

  #wait(waiting: Waiting): void {
    this.#queuedBytes += waiting.length;
    if (this.#queue !== null) {
      this.#queue.push(waiting);
      return;
    }
    this.#queue = [waiting];
    this.#work();
  }

  /** Passes on what can be, up to the first that takes time. */
  #work(): void {
    const queue = this.#queue;
    if (queue === null) return;
    for (;;) {
      const [first] = queue;
      if (first === undefined) break;
      if (!this.#pass(first)) return;
      this.#passed();
    }
    this.#queue = null;
  }

  /** @returns false where it goes on later */
  #pass(first: Waiting): boolean {
    const { writer, shard } = this.#owner;
    if ("data" in first) {
      const { opcode, data } = first;
      if (this.#sendNow(opcode, data)) return true;
      this.#cancelDeflating = shard.deflatePool.deflateLater(
        data,
        this.windowBits,
        (deflated) => {
          this.#cancelDeflating = null;
          if (this.#isClosed) return;
          this.#write(opcode, data, deflated);
          this.#passed();
          this.#goOn();
        },
      );
      return false;
    }
    if (first.frames !== null) {
      writer.bytes(first.frames);
      return true;
    }
    first.whenReady(() => {
      if (!this.#isClosed) this.#goOn();
    });
    return false;
  }

  #passed(): void {
    const passed = this.#queue?.shift();
    if (passed === undefined) return;
    this.#queuedBytes -= passed.length;
    if ("data" in passed) this.#ownBytes -= passed.length;
  }

  #goOn(): void {
    this.#work();
    this.#owner.compressorMoved();
  }

  /** @returns false where it is too large, or this connection has had its turn */
  #sendNow(opcode: Opcode, data: Buffer | string): boolean {
    const length =
      typeof data === "string" ? Buffer.byteLength(data) : data.length;
    const { writer, shard } = this.#owner;
    if (length < COMPRESSION_THRESHOLD_BYTES) {
      writer.frame(opcode, data);
      return true;
    }
    if (!this.#hasTurn(length)) return false;
    this.#turnBytes += length;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const deflated = shard.deflatePool.deflateNow(bytes, this.windowBits);
    const isLong = deflated !== undefined && deflated.length > COPIED_BYTES;
    this.#write(opcode, bytes, isLong ? Buffer.from(deflated) : deflated);
    return true;
  }

  /** As it is, where compression has made it no shorter. */
  #write(opcode: Opcode, data: Buffer, deflated: Buffer | undefined): void {
    const { writer } = this.#owner;
    if (deflated === undefined || deflated.length >= data.length)
      writer.frame(opcode, data);
    else writer.frame(opcode | RSV1, deflated);
  }

  #hasTurn(bytes: number): boolean {
    const { turn } = this.#owner.shard.deflatePool;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#turnBytes = 0;
    }
    return bytes <= AT_ONCE_BYTES && this.#turnBytes < BYTES_A_TURN;
  }
}
