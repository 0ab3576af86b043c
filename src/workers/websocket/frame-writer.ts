import { FIN, headerBytes, writeHeader } from "../../rfc6455.ts";
import { Backlog } from "./backlog.ts";
import { SharedPins } from "./shared-pins.ts";

const SLAB_BYTES = 32 * 1024;
/** Payloads up to this are copied behind each other; larger ones are written as they are. */
const JOIN_LIMIT_BYTES = 4 * 1024;
/** What Node keeps for a write that the kernel has not taken, besides its bytes. */
const UNDER_WAY_BYTES = 256;
/** TLS completes nothing at once: so much may be under way before its peer is said not to read. */
const TLS_UNDER_WAY_BYTES = 16 * 1024;

/** What writes a connection's bytes. */
export interface ByteSink {
  readonly isWritable: boolean;
  /** Written, and not yet taken by the kernel. */
  readonly unwrittenBytes: number;
  write(piece: Uint8Array): void;
  writeAll(pieces: readonly Uint8Array[]): void;
}

/** What a writer tells its connection. */
export interface FrameWriterOwner {
  /** After each write and whenever the kernel has taken all of it: look at `bufferedBytes`. */
  writerChanged(): void;
}

/**
 * Joins what one tick sends to one socket into one write, for all connections
 * of a shard. Frames are built one behind the other in a slab, so frames that
 * follow each other to the same socket are one piece already.
 */
export class WriteBatcher {
  /** What the writes under way of all connections keep alive. */
  readonly pins = new SharedPins();
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  slabUsed = 0;
  #waiting: FrameWriter[] = [];
  #isReading = false;
  #isScheduled = false;

  /** Takes a queue that has something to write by the end of this tick. */
  add(writer: FrameWriter): void {
    this.#waiting.push(writer);
    if (this.#isReading || this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#onTick);
  }

  /**
   * A chunk is being read: what it makes connections send is written at the
   * end of the reading, without waiting for the tick's.
   */
  startReading(): void {
    this.#isReading = true;
  }

  endReading(): void {
    this.#isReading = false;
    this.#writeAll();
  }

  /** Gives room for so many bytes, all in one slab. */
  reserve(bytes: number): void {
    if (this.slabUsed + bytes <= this.slab.length) return;
    // The old slab lives on in what is still being written from it.
    this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.slabUsed = 0;
  }

  readonly #onTick = (): void => {
    this.#isScheduled = false;
    this.#writeAll();
  };

  #writeAll(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const writer of waiting) writer.write();
  }
}

/** What one connection has sent and the kernel has not taken. */
export class FrameWriter {
  readonly #sink: ByteSink;
  readonly #batcher: WriteBatcher;
  readonly #owner: FrameWriterOwner;
  /** TLS completes every write later; TCP usually at once. */
  readonly #isSecure: boolean;
  #pieces: Uint8Array[] | null = null;
  /** The open piece: a part of a slab that the next frame may extend. */
  #slab: Buffer | null = null;
  #start = 0;
  #end = 0;
  #queuedBytes = 0;
  /** What has to wait until the socket has written what it has. */
  #backlog: Backlog | null = null;
  /** What the socket's write keeps alive. */
  #pinned: ArrayBufferLike[] | null = null;
  /** How often the kernel has taken something that it did not take at once. */
  takings = 0;

  constructor(
    batcher: WriteBatcher,
    sink: ByteSink,
    owner: FrameWriterOwner,
    isSecure: boolean,
  ) {
    this.#batcher = batcher;
    this.#sink = sink;
    this.#owner = owner;
    this.#isSecure = isSecure;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + this.#unwrittenBytes;
  }

  /** The peer does not read: the kernel has not taken what was written before. */
  get isStuck(): boolean {
    return this.#unwrittenBytes > (this.#isSecure ? TLS_UNDER_WAY_BYTES : 0);
  }

  /** What it alone keeps in memory: what it shares with others is in {@link WriteBatcher.pins}. */
  get heldBytes(): number {
    return (
      this.#queuedBytes +
      (this.#sink.unwrittenBytes > 0 ? UNDER_WAY_BYTES : 0) +
      (this.#backlog?.heldBytes ?? 0)
    );
  }

  get #unwrittenBytes(): number {
    return this.#sink.unwrittenBytes + (this.#backlog?.bytes ?? 0);
  }

  /** The connection has ended: nothing more is written. */
  drop(): void {
    this.#backlog?.release();
    this.#backlog = null;
    this.#unpin();
    this.#pieces = null;
    this.#slab = null;
    this.#queuedBytes = 0;
  }

  /**
   * Queues one frame, to be written at the end of the tick.
   *
   * @param opcode - With RSV1 where the payload is compressed.
   */
  frame(opcode: number, payload: string | Uint8Array): void {
    const batcher = this.#batcher;
    const length =
      typeof payload === "string"
        ? Buffer.byteLength(payload)
        : payload.byteLength;
    const isJoined = length <= JOIN_LIMIT_BYTES;
    batcher.reserve(headerBytes(length) + (isJoined ? length : 0));
    const { slab } = batcher;
    const start = batcher.slabUsed;
    let at = writeHeader(slab, start, FIN | opcode, length);
    if (isJoined) {
      if (typeof payload === "string") slab.write(payload, at, length, "utf8");
      else slab.set(payload, at);
      at += length;
    }
    batcher.slabUsed = at;
    this.#extend(slab, start, at);
    if (!isJoined)
      this.bytes(
        typeof payload === "string" ? Buffer.from(payload, "utf8") : payload,
      );
  }

  /** Queues bytes that are complete frames already, or the answer to an upgrade. */
  bytes(piece: Uint8Array): void {
    this.#announce(piece.byteLength);
    this.#seal();
    (this.#pieces ??= []).push(piece);
  }

  /** Writes what is queued, now; behind what the kernel has not taken, if there is such. */
  write(): void {
    if (this.#queuedBytes === 0) return;
    this.#queuedBytes = 0;
    if (this.#unwrittenBytes > 0) this.#wait();
    else if (this.#pieces === null) {
      const piece = this.#takePiece();
      if (this.#sink.isWritable) {
        this.#sink.write(piece);
        this.#pin(piece);
      }
    } else {
      this.#seal();
      const pieces = this.#pieces;
      this.#pieces = null;
      this.#writePieces(pieces);
    }
    this.#owner.writerChanged();
  }

  /** The kernel has taken something that it did not take at once. */
  taken(): void {
    this.takings++;
    if (this.#sink.unwrittenBytes === 0) this.#unpin();
    this.#writeBacklog();
    this.#owner.writerChanged();
  }

  /** What is queued waits, in memory of its own. */
  #wait(): void {
    this.#seal();
    const pieces = this.#pieces as Uint8Array[];
    this.#pieces = null;
    this.#backlog ??= new Backlog(this.#batcher.pins);
    for (const piece of pieces) this.#backlog.add(piece);
    this.#writeBacklog();
  }

  #writeBacklog(): void {
    if (this.#backlog === null || this.#sink.unwrittenBytes > 0) return;
    const backlog = this.#backlog;
    this.#backlog = null;
    this.#writePieces(backlog.take());
    backlog.release();
  }

  #writePieces(pieces: readonly Uint8Array[]): void {
    const sink = this.#sink;
    if (!sink.isWritable) return;
    if (pieces.length === 1) sink.write(pieces[0] as Uint8Array);
    else sink.writeAll(pieces);
    for (const piece of pieces) this.#pin(piece);
  }

  /** What the kernel has not taken keeps all the memory alive that it is a part of. */
  #pin({ buffer }: Uint8Array): void {
    if (this.#sink.unwrittenBytes === 0) return;
    (this.#pinned ??= []).push(buffer);
    this.#batcher.pins.add(buffer);
  }

  #unpin(): void {
    const pinned = this.#pinned;
    this.#pinned = null;
    for (const memory of pinned ?? []) this.#batcher.pins.delete(memory);
  }

  #extend(slab: Buffer, start: number, end: number): void {
    this.#announce(end - start);
    if (this.#slab === slab && this.#end === start) {
      this.#end = end;
      return;
    }
    this.#seal();
    this.#slab = slab;
    this.#start = start;
    this.#end = end;
  }

  /** Ends the open piece, if there is one. */
  #seal(): void {
    if (this.#slab !== null) (this.#pieces ??= []).push(this.#takePiece());
  }

  #takePiece(): Buffer {
    const slab = this.#slab as Buffer;
    this.#slab = null;
    return slab.subarray(this.#start, this.#end);
  }

  #announce(bytes: number): void {
    if (this.#queuedBytes === 0) this.#batcher.add(this);
    this.#queuedBytes += bytes;
  }
}
