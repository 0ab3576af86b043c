import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import type { ConnectionEventType } from "../../machines/connection-machine.ts";
import type { Framing } from "../handshake/framing.ts";
import type { RequestHead } from "../handshake/request-head.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";
import { BodyReader } from "./body-reader.ts";

/** So much of later requests may wait until this one is answered; then nothing more is read. */
const MAX_AHEAD_BYTES = 16 * 1024;
/** An answer goes to the socket in pieces of this size, each when the one before has been taken. */
const PIECE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** A request whose head has been judged. */
export interface JudgedRequest {
  readonly head: RequestHead;
  readonly framing: Framing;
  /** What came behind the head: a view, which the next read overwrites. */
  readonly rest: Buffer;
}

/** What a stream asks of its connection. */
export interface PlainOwner {
  readonly id: string;
  readonly isSecure: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number | undefined;
  readonly writer: {
    readonly bufferedBytes: number;
    bytes(piece: Uint8Array): void;
    write(): void;
  };
  tell(event: ConnectionEventType): void;
  /** What has come of the next request is read when it is its turn. */
  awaitTurn(): void;
  pauseReading(): void;
  resumeReading(): void;
}

/** What it asks of its shard. */
export interface PlainHost {
  readonly clock: Clock;
  readonly counters: { add(name: "requests" | "answers"): void };
  /** The shard wants no new traffic: each answer is the last of its connection. */
  readonly isLeaving: boolean;
  readonly maxTrailerBytes: number;
}

/**
 * A connection as Node's HTTP server sees it. There is one request in it at a
 * time, of which our own reader has judged the head and knows the end; the next
 * one is given to Node's parser when this one is answered. So Node cannot see a
 * request where we have seen none.
 */
export class PlainStream extends Duplex {
  readonly #owner: PlainOwner;
  readonly #host: PlainHost;
  #stage: "idle" | "receiving" | "answering" | "over" = "idle";
  #body: BodyReader | null = null;
  /** As Node has told of it; null before, and between two requests. */
  #request: IncomingMessage | null = null;
  #response: ServerResponse | null = null;
  #isAnswered = false;
  /** There will be no other request. */
  #isLast = false;
  /** Node's parser has as much of the body as it wants. */
  #isSated = false;
  /** What has come of later requests. */
  #ahead: Buffer = NOTHING;
  /** What Node has written and the socket has not been given, and whom to tell once all is taken. */
  #unwritten: Uint8Array[] = [];
  #onTaken: ((error?: Error | null) => void) | null = null;
  #isStalled = false;
  #quietMs = 0;
  #quietTimer: unknown;

  constructor(owner: PlainOwner, host: PlainHost) {
    super();
    this.#owner = owner;
    this.#host = host;
  }

  /** The client's; behind a trusted proxy, what the proxy says it is. */
  get remoteAddress(): string {
    return this.#owner.remoteAddress;
  }
  get remoteFamily(): string {
    return this.remoteAddress.includes(":") ? "IPv6" : "IPv4";
  }
  get remotePort(): number | undefined {
    return this.#owner.remotePort;
  }
  get encrypted(): boolean {
    return this.#owner.isSecure;
  }

  // What applications, and Node itself, call on a socket; the server has set these for all.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  destroySoon(): void {
    this.end();
  }

  /** As `net.Socket` has it: the event `timeout` after so long without a byte in either direction. */
  setTimeout(ms: number, callback?: () => void): this {
    this.#quietMs = ms;
    if (callback !== undefined && ms > 0) this.once("timeout", callback);
    else if (callback !== undefined) this.off("timeout", callback);
    this.#touch();
    return this;
  }

  /** Nothing more is to be read for now. */
  get isFull(): boolean {
    if (this.#stage === "receiving") return this.#isSated;
    return this.#stage === "answering" && this.#ahead.length > MAX_AHEAD_BYTES;
  }

  get heldBytes(): number {
    return this.#ahead.length + this.readableLength + this.writableLength;
  }

  /** Gives a request to Node's parser. */
  serve({ head, framing, rest }: JudgedRequest): void {
    this.#stage = "receiving";
    this.#body = new BodyReader(framing, this.#host.maxTrailerBytes);
    this.push(Buffer.from(head.raw, "latin1"));
    if (this.#body.isOver) this.#received();
    this.receive(rest);
  }

  /** Takes the next bytes; `chunk` is overwritten once the call has returned. */
  receive(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#touch();
    if (this.#body !== null) this.#takeBody(this.#body, chunk);
    else if (this.#stage === "answering") this.#keep(chunk);
    if (this.isFull) this.#owner.pauseReading();
  }

  #takeBody(body: BodyReader, chunk: Buffer): void {
    const used = body.take(chunk);
    if (used === undefined) return this.#owner.tell("request.broken");
    if (used < chunk.length) this.#keep(chunk.subarray(used));
    this.#isSated = true;
    // Node may ask for more before this returns.
    if (this.push(Buffer.from(chunk.subarray(0, used)))) this.#isSated = false;
    return body.isOver ? this.#received() : undefined;
  }

  #keep(chunk: Buffer): void {
    this.#ahead = Buffer.concat([this.#ahead, chunk]);
  }

  override _read(): void {
    if (!this.#isSated) return;
    this.#isSated = false;
    this.#owner.resumeReading();
  }

  /** The whole request is there. */
  #received(): void {
    // The handlers may have ended it meanwhile.
    if (this.#stage !== "receiving") return;
    this.#stage = "answering";
    this.#body = null;
    this.#owner.tell("request.received");
    if (this.#isStalled) this.#owner.tell("answer.stalled");
    this.#settle();
  }

  /**
   * Node tells of a request.
   *
   * @returns whether it is the one that was given to its parser
   */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    const isExpected =
      (this.#stage === "receiving" || this.#stage === "answering") &&
      this.#request === null;
    if (!isExpected) return false;
    this.#request = request;
    this.#response = response;
    this.#host.counters.add("requests");
    if (this.#isLast || this.#host.isLeaving) this.announceLast();
    response.once("finish", () => {
      this.#isAnswered = true;
      this.#settle();
    });
    return true;
  }

  /** The answer under way is the last one, and says so if it has not begun. */
  announceLast(): void {
    this.#isLast = true;
    const response = this.#response;
    if (response !== null && !response.headersSent)
      response.setHeader("Connection", "close");
  }

  /** Once the request is there and its answer is in the kernel, the next one may come. */
  #settle(): void {
    if (!this.#isAnswered || this.#stage !== "answering") return;
    if (this.#request?.complete !== false) return this.#conclude();
    // Handlers that answer without reading the body leave the rest of it to be thrown away.
    this.#request.resume();
    return this.#host.clock.afterPoll(() => this.#conclude());
  }

  #conclude(): void {
    if (!this.#isAnswered || this.#stage !== "answering") return;
    // Where Node waits for more of the body than there is, the two of us disagree.
    const isWhole = this.#request?.complete !== false;
    const isLast = this.#isLast || this.writableEnded || !isWhole;
    this.#isAnswered = false;
    this.#request = null;
    this.#response = null;
    this.#stage = isLast ? "over" : "idle";
    this.#host.counters.add("answers");
    this.#owner.tell(isLast ? "request.concluded" : "request.answered");
  }

  /** The next request may come; it may have come already. */
  awaitNext(): void {
    const { length } = this.#ahead;
    if (length === 0) return this.#owner.resumeReading();
    this.#owner.pauseReading();
    return this.#owner.awaitTurn();
  }

  /** What has come of the next request. */
  takeAhead(): Buffer {
    const ahead = this.#ahead;
    this.#ahead = NOTHING;
    return ahead;
  }

  override _write(
    chunk: Buffer,
    _encoding: string,
    taken: (error?: Error | null) => void,
  ): void {
    this.#send([chunk], taken);
  }

  override _writev(
    chunks: { chunk: Buffer }[],
    taken: (error?: Error | null) => void,
  ): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      taken,
    );
  }

  #send(
    chunks: readonly Buffer[],
    taken: (error?: Error | null) => void,
  ): void {
    this.#touch();
    this.#unwritten = chunks.filter(({ length }) => length > 0);
    this.#onTaken = taken;
    this.#pass();
  }

  /** Gives the socket as much as it should have at once. */
  #pass(): void {
    const { writer } = this.#owner;
    while (writer.bufferedBytes < PIECE_BYTES) {
      const [next] = this.#unwritten;
      if (next === undefined) break;
      writer.bytes(next.subarray(0, PIECE_BYTES));
      if (next.length <= PIECE_BYTES) this.#unwritten.shift();
      else this.#unwritten[0] = next.subarray(PIECE_BYTES);
    }
    if (writer.bufferedBytes === 0) this.#allTaken();
  }

  /** The socket has been given something, or the kernel has taken everything. */
  flushed(): void {
    if (this.#stage === "over" && this.#onTaken === null) return;
    if (this.#owner.writer.bufferedBytes > 0) return this.#stall();
    if (this.#isStalled) {
      this.#isStalled = false;
      this.#owner.tell("answer.taken");
    }
    this.#touch();
    return this.#pass();
  }

  #stall(): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    this.#owner.tell("answer.stalled");
  }

  #allTaken(): void {
    const taken = this.#onTaken;
    this.#onTaken = null;
    taken?.();
  }

  /**
   * The request is given up; the handlers see their request aborted.
   *
   * @returns whether the client has read nothing of an answer
   */
  giveUp(): boolean {
    const isSilent = this.#response?.headersSent !== true;
    this.leave();
    return isSilent;
  }

  /** The connection has no more to do with plain HTTP. */
  leave(): void {
    this.#stage = "over";
    this.#body = null;
    this.destroy();
  }

  override _destroy(
    error: Error | null,
    destroyed: (error: Error | null) => void,
  ): void {
    this.#host.clock.clearTimeout(this.#quietTimer);
    this.#unwritten = [];
    this.#onTaken = null;
    this.#ahead = NOTHING;
    if (this.#stage !== "over") {
      this.#stage = "over";
      this.#body = null;
      // Where Node's parser refuses what ours has let pass, it has written why.
      this.#owner.writer.write();
      this.#owner.tell("socket.closed");
    }
    destroyed(error);
  }

  #touch(): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#quietTimer);
    this.#quietTimer =
      this.#quietMs > 0 && !this.destroyed
        ? clock.setTimeout(() => this.emit("timeout"), this.#quietMs)
        : undefined;
  }
}
