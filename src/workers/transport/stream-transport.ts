import type { Socket } from "node:net";
import {
  detachHandle,
  handleOf,
  type Reading,
  type SocketHandle,
  unsentBytes,
} from "../../protocol/socket-handle.ts";
import {
  readBuffer,
  type Transport,
  type TransportEvents,
} from "./transport.ts";

const NOTHING = Buffer.alloc(0);

/**
 * Where a socket keeps its transport, so that all share the same listeners. A
 * named property: one behind a symbol would put the object into V8's dictionary
 * mode.
 */
interface Used {
  sluiceTransport: StreamTransport;
}

/** For {@link StreamTransport}: where its socket reads to. */
export const streamReading: Reading = {
  buffer: readBuffer,
  callback(length) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    (this as Socket & Used).sluiceTransport.told("read", length);
  },
};

/**
 * A connection by way of a socket of Node's: one with TLS, and a plain one where
 * handles cannot be used.
 */
export class StreamTransport implements Transport {
  readonly #socket: Socket;
  /** TLS completes every write later; TCP usually at once. */
  readonly #isSecure: boolean;
  #owner: unknown = null;
  #events: TransportEvents<unknown> | null = null;
  #isWatched = false;
  #onTaken: (() => void) | null = null;

  /** @param socket - A plain one reads as {@link streamReading} says. */
  constructor(socket: Socket, isSecure: boolean) {
    this.#socket = socket;
    this.#isSecure = isSecure;
    (socket as Socket & Used).sluiceTransport = this;
    if (isSecure) socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", onClose);
    socket.on("error", onError);
  }

  get handle(): SocketHandle | undefined {
    return handleOf(this.#socket);
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten ?? 0;
  }

  get unreadBytes(): number {
    return this.#isSecure ? this.#socket.readableLength : 0;
  }

  get unwrittenBytes(): number {
    return this.#socket.writableLength;
  }

  get unsentBytes(): number {
    return unsentBytes(this.#socket);
  }

  get isWritable(): boolean {
    return this.#socket.writable;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "";
  }

  listen<Owner>(owner: Owner, events: TransportEvents<Owner>): void {
    this.#owner = owner;
    this.#events = events as TransportEvents<unknown>;
  }

  write(piece: Uint8Array): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (this.#isSecure) socket.write(piece, this.#taken());
    else {
      socket.write(piece);
      this.#watchIfNeeded();
    }
  }

  writeAll(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    socket.cork();
    for (const piece of pieces) {
      if (this.#isSecure) socket.write(piece, this.#taken());
      else socket.write(piece);
    }
    socket.uncork();
    this.#watchIfNeeded();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(then?: () => void): void {
    if (then === undefined) this.#socket.end();
    else this.#socket.end(then);
  }

  destroy(): void {
    this.#events = null;
    this.#owner = null;
    this.#socket.destroy();
  }

  detach(give: (handle: SocketHandle) => void): void {
    if (this.#isSecure) throw new Error("its keys cannot leave the thread");
    detachHandle(this.#socket, give);
    this.#events = null;
    this.#owner = null;
  }

  /** Its socket says something. */
  told(what: "read" | "ended" | "closed", length = 0): void {
    const events = this.#events;
    if (events === null) return;
    if (what === "read")
      events.read(this.#owner, readBuffer.subarray(0, length));
    else events[what](this.#owner);
  }

  toldBytes(chunk: Buffer): void {
    this.#events?.read(this.#owner, chunk);
  }

  /**
   * The kernel did not take everything at once. An empty write behind it says
   * when it has, so that the usual write needs no callback and no tick.
   */
  #watchIfNeeded(): void {
    const socket = this.#socket;
    const isStuck = socket.writableLength > 0 && socket.writable;
    if (!isStuck || this.#isSecure || this.#isWatched) return;
    this.#isWatched = true;
    socket.write(NOTHING, this.#taken());
  }

  #taken(): () => void {
    return (this.#onTaken ??= () => {
      this.#isWatched = false;
      this.#events?.taken(this.#owner);
      this.#watchIfNeeded();
    });
  }
}

function onData(this: Socket & Used, chunk: Buffer): void {
  this.sluiceTransport.toldBytes(chunk);
}

function onEnd(this: Socket & Used): void {
  this.sluiceTransport.told("ended");
}

function onClose(this: Socket & Used): void {
  this.sluiceTransport.told("closed");
}

/** The `close` that follows is the fact; what broke is of no use to anyone. */
function onError(): void {}
