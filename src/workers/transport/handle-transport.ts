import { peerOf, type SocketHandle } from "../../protocol/socket-handle.ts";
import {
  asTcpHandle,
  beginReading,
  type HandleUser,
  letGo,
  readOn,
  shutDown,
  stopReading,
  type TcpHandle,
  writeAllTo,
  writeTo,
} from "../../protocol/tcp-handle.ts";
import {
  readBuffer,
  type Transport,
  type TransportEvents,
} from "./transport.ts";

/** Our side: open, its end is on its way, the kernel has it. */
type Stage = "open" | "ending" | "ended";

/** A plain TCP connection, by its handle alone. */
export class HandleTransport implements Transport, HandleUser {
  /** Null once it is closed, or has gone. */
  #handle: TcpHandle | null;
  #owner: unknown = null;
  #events: TransportEvents<unknown> | null = null;
  #stage: Stage = "open";
  /** The peer has ended its side. */
  #hasPeerEnded = false;
  unwrittenBytes = 0;
  #onEnded: (() => void) | null = null;
  /** Of a handle that is not there any more. */
  #totals: Pick<TcpHandle, "bytesRead" | "bytesWritten"> | null = null;

  constructor(handle: SocketHandle) {
    this.#handle = asTcpHandle(handle);
    beginReading(this.#handle, readBuffer, this);
  }

  get handle(): SocketHandle | undefined {
    return this.#handle ?? undefined;
  }

  get bytesRead(): number {
    return this.#handle?.bytesRead ?? this.#totals?.bytesRead ?? 0;
  }

  get bytesWritten(): number {
    return this.#handle?.bytesWritten ?? this.#totals?.bytesWritten ?? 0;
  }

  get unreadBytes(): number {
    return 0;
  }

  get unsentBytes(): number {
    return this.#handle?.writeQueueSize ?? 0;
  }

  get isWritable(): boolean {
    return this.#handle !== null && this.#stage === "open";
  }

  get remoteAddress(): string {
    return this.#handle === null ? "" : (peerOf(this.#handle)?.address ?? "");
  }

  listen<Owner>(owner: Owner, events: TransportEvents<Owner>): void {
    this.#owner = owner;
    this.#events = events as TransportEvents<unknown>;
  }

  write(piece: Uint8Array): void {
    if (this.#handle !== null && this.#stage === "open")
      this.#count(writeTo(this.#handle, piece, this));
  }

  writeAll(pieces: readonly Uint8Array[]): void {
    if (this.#handle !== null && this.#stage === "open")
      this.#count(writeAllTo(this.#handle, pieces, this));
  }

  #count(unwritten: number): void {
    if (unwritten < 0) this.#breakSoon();
    else this.unwrittenBytes += unwritten;
  }

  pause(): void {
    if (this.#handle !== null) stopReading(this.#handle);
  }

  resume(): void {
    if (this.#handle !== null && !this.#hasPeerEnded) readOn(this.#handle);
  }

  end(then?: () => void): void {
    if (then !== undefined) this.#onEnded = then;
    if (this.#handle === null || this.#stage === "ending") return;
    if (this.#stage === "ended") process.nextTick(() => this.#tellEnded());
    else {
      this.#stage = "ending";
      if (!shutDown(this.#handle, this)) this.handleShut();
    }
  }

  destroy(): void {
    const handle = this.#handle;
    if (handle === null) return;
    const { bytesRead, bytesWritten } = handle;
    this.#totals = { bytesRead, bytesWritten };
    this.#events = null;
    this.#owner = null;
    this.#onEnded = null;
    this.#leave();
    void handle.close();
  }

  detach(give: (handle: SocketHandle) => void): void {
    if (this.#handle === null) throw new Error("the connection is closed");
    stopReading(this.#handle);
    give(this.#handle);
    this.#leave();
  }

  /** The handle is not ours any more. */
  #leave(): void {
    if (this.#handle !== null) letGo(this.#handle);
    this.#handle = null;
    this.unwrittenBytes = 0;
  }

  handleRead(length: number): void {
    this.#events?.read(this.#owner, readBuffer.subarray(0, length));
  }

  handleEnded(): void {
    this.#hasPeerEnded = true;
    this.#events?.ended(this.#owner);
    if (this.#handle === null) return;
    if (this.#stage === "ended") this.#finish();
    // Half a connection is of no use; what is being said is said before.
    else process.nextTick(() => this.end());
  }

  handleBroke(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#handle === null) return;
    const events = this.#events;
    const owner = this.#owner;
    this.destroy();
    events?.closed(owner);
  }

  #breakSoon(): void {
    // Nothing can be written any more; told is it behind what runs now.
    this.#stage = "ended";
    process.nextTick(() => this.#finish());
  }

  handleTook(bytes: number): void {
    if (this.#handle === null) return;
    this.unwrittenBytes -= bytes;
    this.#events?.taken(this.#owner);
  }

  handleShut(): void {
    this.#stage = "ended";
    process.nextTick(() => this.#tellEnded());
  }

  #tellEnded(): void {
    const then = this.#onEnded;
    this.#onEnded = null;
    then?.();
    if (this.#hasPeerEnded) this.#finish();
  }
}
