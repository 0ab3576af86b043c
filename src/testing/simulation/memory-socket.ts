import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { Reading, SocketHandle } from "../../protocol/socket-handle.ts";
import {
  asTcpHandle,
  type HandleUser,
  READ_END,
  READ_RESET,
  sayRead,
  sayWritten,
  type TcpHandle,
} from "../../protocol/tcp-handle.ts";
import type { Draws } from "./draws.ts";
import { currentThread, type SimThread } from "./sim-thread.ts";
import type { Direction, Receiver } from "./wire.ts";

/** Sizes of reads: mostly all there is, sometimes less, so that frames are cut anywhere. */
const READ_LIMITS = [1, 2, 7, 64, 1_024] as const;
const SHORT_READS = 0.3;
/** Until the thread's loop gets to a socket that can be read. */
const READABLE_AFTER_MS = [0.005, 0.3] as const;

/** Who reads from a handle: a socket around it, or whoever uses it without one. */
interface Reader {
  readonly destroyed: boolean;
  /** A read takes no more than this. */
  readonly readLimit: number;
  receive(part: Buffer): void;
  receiveEnd(): void;
  fail(message: string, code: string): void;
}

/** What is told when a write or the end has gone to the kernel. */
interface Request {
  oncomplete?: (status: number) => void;
}

/**
 * The server's end of a simulated TCP connection: what the handle is in Node,
 * of a `net.Socket` or used without one. It travels between threads, and
 * survives the socket around it.
 */
export class MemoryHandle implements Receiver {
  readonly remoteAddress: string;
  readonly incoming: Direction;
  readonly outgoing: Direction;
  readonly #draws: Draws;
  #reader: Reader | undefined;
  sluiceUser: HandleUser | undefined;
  onread: (this: TcpHandle) => void = () => {};
  bytesRead = 0;
  bytesWritten = 0;
  #thread: SimThread | undefined;
  #isReading = false;
  #isReadPending = false;
  isClosed = false;
  /** So many processes have it: the connection ends when the last has closed it. */
  readonly #copies: { open: number };

  constructor(
    incoming: Direction,
    outgoing: Direction,
    {
      remoteAddress,
      draws,
      copies = { open: 0 },
    }: { remoteAddress: string; draws: Draws; copies?: { open: number } },
  ) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.remoteAddress = remoteAddress;
    this.#draws = draws;
    this.#copies = copies;
    copies.open++;
    incoming.receiver ??= this;
    // RFC 9293, 3.10.7.1: what comes for a connection that is closed is answered with a reset.
    incoming.onRefused = () => outgoing.reset();
  }

  /** For another process: the same connection, which has two owners until one closes. */
  duplicate(): MemoryHandle {
    return new MemoryHandle(this.incoming, this.outgoing, {
      remoteAddress: this.remoteAddress,
      draws: this.#draws.of("copy"),
      copies: this.#copies,
    });
  }

  /** Its peer has gone: Node refuses to hand it over to another thread. */
  get isTransferable(): boolean {
    return !this.incoming.isReset;
  }

  /** The simulated thread that has it. */
  get thread(): SimThread | undefined {
    return this.#thread;
  }

  get reading(): boolean {
    return this.#isReading;
  }

  set reading(isReading: boolean) {
    this.#isReading = isReading;
    if (isReading) this.readable();
  }

  /** It is broken off, and something waits to be written. */
  get #isStuck(): boolean {
    return this.incoming.isReset && this.outgoing.unsentBytes > 0;
  }

  get writeQueueSize(): number {
    return this.outgoing.unsentBytes;
  }

  readStart(): number {
    this.reading = true;
    return 0;
  }

  readStop(): number {
    this.#isReading = false;
    return 0;
  }

  /** It is used without a socket, in the thread where this is called. */
  useUserBuffer(buffer: Uint8Array): void {
    this.#settleIn(new DirectReader(this, buffer));
  }

  writeBuffer(request: Request, bytes: Uint8Array): number {
    if (this.incoming.isReset) return READ_RESET;
    this.bytesWritten += bytes.length;
    let isUnderWay: boolean | undefined;
    this.outgoing.send(
      Buffer.from(bytes),
      here(() => {
        if (isUnderWay === true) request.oncomplete?.(0);
        else isUnderWay = false;
      }),
    );
    isUnderWay ??= true;
    sayWritten(isUnderWay);
    return 0;
  }

  writev(request: Request, pieces: readonly Uint8Array[]): number {
    return this.writeBuffer(request, Buffer.concat(pieces));
  }

  shutdown(request: Request): number {
    this.outgoing.end(here(() => request.oncomplete?.(0)));
    return 0;
  }

  setNoDelay(): number {
    return 0;
  }

  getpeername(out: { address?: string; port?: number }): number {
    out.address = this.remoteAddress;
    out.port = 40_000;
    return 0;
  }

  /** As `close(2)`: with unread bytes the peer gets a reset, otherwise the end. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (--this.#copies.open > 0) return;
    const { incoming, outgoing } = this;
    if (incoming.hasBytes || outgoing.unsentBytes > 0) outgoing.reset();
    else outgoing.end();
    incoming.drop();
  }

  /** Its thread has died: the kernel closes what it had. */
  abandon(): void {
    this.#reader = undefined;
    this.close();
  }

  resetPeer(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (--this.#copies.open > 0) return;
    this.outgoing.reset();
    this.incoming.drop();
  }

  /** A socket around it, in the thread where this is called. */
  adopt(onread: Reading | undefined): MemorySocket {
    const socket = new MemorySocket(this, onread);
    this.#settleIn(socket);
    this.reading = true;
    return socket;
  }

  #settleIn(reader: Reader): void {
    this.#thread = currentThread();
    this.#reader = reader;
    this.incoming.receiver = this;
    this.#isReadPending = false;
  }

  /** It has left its thread. */
  leave(): void {
    currentThread()?.timeline.travels(this);
    this.#reader = undefined;
    this.#thread = undefined;
    this.#isReading = false;
    // In Node too: it waits in the loop of the thread that is left.
    this.outgoing.loseUnsent();
  }

  readable(): void {
    const thread = this.#thread;
    // A loop that neither reads nor waits to write is not told of a reset.
    const isWanted = this.#isReading || this.#isStuck;
    if (thread === undefined || !isWanted || this.#isReadPending) return;
    if (!this.incoming.isReadable || this.isClosed) return;
    this.#isReadPending = true;
    thread.fromOutside(
      () => {
        this.#isReadPending = false;
        // It may have gone to another thread since.
        if (this.#thread === thread) this.#read();
      },
      this.#draws.between(...READABLE_AFTER_MS),
    );
  }

  #read(): void {
    const reader = this.#reader;
    if (reader === undefined || reader.destroyed || this.isClosed) return;
    const { incoming } = this;
    if (this.#isStuck) return reader.fail("write ECONNRESET", "ECONNRESET");
    if (!this.#isReading) return undefined;
    // What had ended before it was broken off has an end to be read.
    if (incoming.isReset && !incoming.hasBytes && !incoming.hasEnded)
      return reader.fail("read ECONNRESET", "ECONNRESET");
    if (this.#draws.chance(0.8)) incoming.join();
    const limit = this.#draws.chance(SHORT_READS)
      ? this.#draws.pick(READ_LIMITS)
      : Infinity;
    const part = incoming.read(Math.min(limit, reader.readLimit));
    if (part !== undefined) reader.receive(part);
    else if (incoming.hasEnded) {
      this.#isReading = false;
      return reader.receiveEnd();
    }
    return this.readable();
  }
}

/** Whoever uses a {@link MemoryHandle} without a socket: told in the way in which Node's handles tell it. */
class DirectReader implements Reader {
  readonly destroyed = false;
  readonly #handle: MemoryHandle;
  readonly #buffer: Uint8Array;

  constructor(handle: MemoryHandle, buffer: Uint8Array) {
    this.#handle = handle;
    this.#buffer = buffer;
  }

  get readLimit(): number {
    return this.#buffer.length;
  }

  receive(part: Buffer): void {
    this.#buffer.set(part, 0);
    this.#handle.bytesRead += part.length;
    this.#say(part.length);
  }

  receiveEnd(): void {
    this.#say(READ_END);
  }

  fail(): void {
    this.#say(READ_RESET);
  }

  #say(status: number): void {
    sayRead(asTcpHandle(asSocketHandle(this.#handle)), status);
  }
}

/**
 * The socket around a {@link MemoryHandle}: Node's own `Duplex`, with the part
 * of `net.Socket` that connections use. It is held against a real socket by a
 * differential test.
 */
export class MemorySocket extends Duplex implements Reader {
  _handle: MemoryHandle | null;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #onread: Reading | undefined;
  readonly #remoteAddress: string;

  constructor(handle: MemoryHandle, onread: Reading | undefined) {
    super({ allowHalfOpen: false, emitClose: true, autoDestroy: true });
    this._handle = handle;
    this.#onread = onread;
    this.#remoteAddress = handle.remoteAddress;
  }

  get remoteAddress(): string | undefined {
    return this._handle === null ? undefined : this.#remoteAddress;
  }

  get readLimit(): number {
    return this.#onread?.buffer.length ?? 65_536;
  }

  setNoDelay(): this {
    return this;
  }

  receive(part: Buffer): void {
    this.bytesRead += part.length;
    if (this.#onread === undefined) {
      if (!this.push(Buffer.from(part)))
        (this._handle as MemoryHandle).readStop();
      return;
    }
    this.#onread.buffer.set(part, 0);
    this.#onread.callback.call(this as unknown as Socket, part.length);
  }

  receiveEnd(): void {
    this.push(null);
    this.read(0);
  }

  fail(message: string, code: string): void {
    this.destroy(Object.assign(new Error(message), { code }));
  }

  override pause(): this {
    if (this.#onread !== undefined) this._handle?.readStop();
    return super.pause();
  }

  override resume(): this {
    if (this.#onread !== undefined && this._handle?.reading === false)
      this._handle.readStart();
    return super.resume();
  }

  resetAndDestroy(): this {
    this._handle?.resetPeer();
    return this.destroy();
  }

  override _read(): void {
    if (this._handle?.reading === false) this._handle.readStart();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (this._handle === null)
      return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    const { isReset, hasEnded } = this._handle.incoming;
    if (isReset) {
      // Linux remembers that the other end had ended before (tcp_reset).
      const code = hasEnded ? "EPIPE" : "ECONNRESET";
      return done(Object.assign(new Error(`write ${code}`), { code }));
    }
    this.bytesWritten += chunk.length;
    return this._handle.outgoing.send(
      chunk,
      here(() => done()),
    );
  }

  override _writev(
    chunks: readonly { chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this._write(
      Buffer.concat(chunks.map(({ chunk }) => chunk)),
      "buffer" as BufferEncoding,
      done,
    );
  }

  override _final(done: () => void): void {
    if (this._handle === null) done();
    else this._handle.outgoing.end(here(done));
  }

  override _destroy(
    error: Error | null,
    done: (error?: Error | null) => void,
  ): void {
    const handle = this._handle;
    this._handle = null;
    handle?.close();
    done(error);
  }
}

/** What is called back at once, or later in the thread that asked: whoever makes room for it lives elsewhere. */
function here(done: () => void): () => void {
  const thread = currentThread();
  return () => {
    if (thread === currentThread()) done();
    else thread?.fromOutside(done, 0);
  };
}

/** What of a simulated handle the server's code is given. */
export function asSocketHandle(handle: MemoryHandle): SocketHandle {
  return handle as unknown as SocketHandle;
}

/** @returns a socket around a handle that has come to this thread; real handles are left to Node */
export function adoptMemoryHandle(
  handle: SocketHandle,
  onread: Reading | undefined,
): Socket {
  return (handle as unknown as MemoryHandle).adopt(onread) as unknown as Socket;
}
