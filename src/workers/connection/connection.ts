import { isUtf8 } from "node:buffer";
import type { Config } from "../../config.ts";
import { checkFlag } from "../../config/arguments.ts";
import { show } from "../../config/describe.ts";
import { SluiceError } from "../../errors.ts";
import type {
  Connection,
  ConnectionEnd,
  ConnectionRequest,
  DroppedMessages,
  PublishOptions,
  PublishStatus,
  SendStatus,
  SubscribeOptions,
  WhenCongested,
} from "../../handlers.ts";
import type { ConnectionEventType } from "../../machines/connection-machine.ts";
import { peerOf } from "../../protocol/socket-handle.ts";
import type { HookName } from "../../protocol/hook-names.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
import { CLOSE_CODE, isSendableCloseCode, OPCODE } from "../../rfc6455.ts";
import { type Sendable, toPayload } from "../../topics/payload.ts";
import { checkPublishing } from "../../topics/rules.ts";
import type { ClientAddress } from "../handshake/remote-address.ts";
import type { RequestHead } from "../handshake/request-head.ts";
import { isProbe, SLUICE_V1, tickText } from "../handshake/sluice-v1.ts";
import type { HookArguments, Hooks } from "../hooks.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import {
  type ActingConnection,
  compressedReady,
  type MoveUnderWay,
} from "./machine-actions.ts";
import { ManagedConnection } from "../lifecycle/managed-connection.ts";
import {
  FrameWriter,
  type FrameWriterOwner,
  type WriteBatcher,
} from "../websocket/frame-writer.ts";
import { LiveRequest } from "./request.ts";
import type { Transport } from "../transport/transport.ts";
import type { PlainOwner, PlainStream } from "../plain/plain-stream.ts";
import type { Holder, Holdings } from "./holdings.ts";
import { type IntakeOwner, takeIn } from "./intake.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { Turns, TurnTaker } from "./turns.ts";
import type { HandshakeOwner, Handshake } from "../handshake/handshake.ts";
import type { Compressor, Inflater } from "../websocket/compression.ts";
import type { DeflatePool } from "../websocket/deflate-pool.ts";
import type {
  AssemblyLimits,
  MessageAssembly,
} from "../websocket/message-assembly.ts";
import { ownBytes } from "../websocket/message-memory.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";

const MAX_REASON_BYTES = 123;
/** Whoever is closed for want of memory may keep it for so long. */
const SHED_DEADLINE_MS = 1_000;

/** What a connection asks of its shard. */
export interface ConnectionHost {
  readonly config: Config;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly hooks: Hooks;
  readonly batcher: WriteBatcher;
  readonly deflatePool: DeflatePool;
  readonly turns: Turns<LiveConnection>;
  readonly holdings: Holdings<LiveConnection>;
  readonly plainLimits: AssemblyLimits;
  readonly compressedLimits: AssemblyLimits;
  readonly clientAddress: ClientAddress;
  readonly runner: {
    send(connection: LiveConnection, event: ConnectionEventType): void;
  };
  readonly topics: {
    subscribe(
      connection: LiveConnection,
      topic: string,
      options: SubscribeOptions | undefined,
    ): boolean;
    unsubscribe(connection: LiveConnection, topic: string): boolean;
    publishFrom(
      except: LiveConnection | null,
      topic: string,
      data: unknown,
      options: PublishOptions,
    ): PublishStatus;
    published(): Promise<void>;
  };
  /** Gives a connection to Node's HTTP server. */
  openPlain(connection: LiveConnection): PlainStream;
  /** The next request of plain HTTP begins as the first did. */
  beginHandshake(connection: LiveConnection): Handshake;
  /** The shard outlasts this work. */
  track(work: PromiseLike<void>): void;
  reportOpened(connection: LiveConnection): void;
  reportRejection(
    connection: LiveConnection,
    status: number,
    reason: string,
  ): void;
  reportCongestion(connection: LiveConnection): void;
  /** It is not read from for want of memory. */
  reportRation(connection: LiveConnection): void;
  /** It is closed for want of memory. */
  reportShed(connection: LiveConnection): void;
  reportEnded(connection: LiveConnection, end: ConnectionEnd): void;
  reportHookFailure(
    connection: { readonly id: string },
    hook: HookName,
    error: unknown,
  ): void;
  /** The last step of its life. */
  forget(connection: LiveConnection): void;
}

/**
 * Everything that one connection is, in one object: identity, request, user
 * data, machine state, and what it has in its hands. It is what handlers see as
 * {@link Connection}.
 */
export class LiveConnection
  extends ManagedConnection
  implements
    Connection,
    FrameWriterOwner,
    IntakeOwner,
    Holder,
    TurnTaker,
    InboxOwner,
    ActingConnection,
    HandshakeOwner,
    PlainOwner
{
  readonly shard: ConnectionHost;
  readonly transport: Transport;
  readonly writer: FrameWriter;
  readonly isSecure: boolean;

  /** While the opening handshake is under way. */
  handshake: Handshake | null = null;
  head: RequestHead | null = null;
  /** From its first request of plain HTTP until it upgrades. */
  plain: PlainStream | null = null;
  subprotocol = "";
  data: unknown = undefined;
  /** Topics, as plain data; null until the first. */
  subscriptions: Map<string, WhenCongested> | null = null;
  droppedMessages = 0;
  /** Publications posted by then it has heard where it lived before; see `momentNow`. */
  heardUntil = 0;
  /** It has come from another thread or process. */
  hasMoved = false;
  /** A hook of it has failed. */
  hasFailed = false;

  /** Open, and the peer has neither closed nor broken the protocol: what it sends counts. */
  isReading = false;
  assembly: MessageAssembly | null = null;
  unread: Buffer | null = null;
  compressor: Compressor | null = null;
  inflater: Inflater | null = null;
  countedBytes = 0;
  isRationed = false;
  turnBytes = 0;
  readonly inbox: Inbox;
  rateLimiter: RateLimiter | null = null;
  messagesIn = 0;
  messagesOut = 0;
  /** Bytes that went over its socket in other threads. */
  bytesInBefore = 0;
  bytesOutBefore = 0;
  /** On its way out of this thread. */
  move: MoveUnderWay | null = null;

  /** A message is being decompressed, and must not be overtaken. */
  #isInflating = false;
  /** The peer has been sent a ping: a pong is what we have asked for. */
  #isPongAwaited = false;
  /** What the last ping said that is not answered, since the peer does not read. */
  #owedPong: Buffer | null = null;
  /** The same of a client's probe. */
  #isTickOwed = false;
  #request: ConnectionRequest | null = null;
  #remoteAddress: string | null = null;
  #abort: AbortController | null = null;
  #relieved: (() => void)[] | null = null;

  constructor(
    shard: ConnectionHost,
    number: number,
    transport: Transport,
    isSecure: boolean,
  ) {
    super(number);
    this.shard = shard;
    this.transport = transport;
    this.isSecure = isSecure;
    this.writer = new FrameWriter(shard.batcher, transport, this, isSecure);
    this.inbox = new Inbox(this);
  }

  get request(): ConnectionRequest {
    return (this.#request ??= new LiveRequest(this));
  }

  /** The client's address; asking the system for it costs a call, so it is asked when it is wanted. */
  get remoteAddress(): string {
    return (this.#remoteAddress ??= this.shard.clientAddress(
      this.transport.remoteAddress,
      this.head?.header("x-forwarded-for"),
    ));
  }

  /** Its address as another thread knew it. */
  set remoteAddress(address: string) {
    this.#remoteAddress = address;
  }

  /** Who its peer is to TCP, as long as the system knows. */
  get remotePort(): number | undefined {
    const { handle } = this.transport;
    return handle === undefined ? undefined : peerOf(handle)?.port;
  }

  /** Bytes of TCP that were read, those of the handshake too. */
  get bytesIn(): number {
    return this.bytesInBefore + this.transport.bytesRead;
  }

  get bytesOut(): number {
    return this.bytesOutBefore + this.transport.bytesWritten;
  }

  get bufferedBytes(): number {
    return this.writer.bufferedBytes + (this.compressor?.bufferedBytes ?? 0);
  }

  get progress(): string {
    return `${this.writer.takings} ${this.transport.unsentBytes}`;
  }

  get heldBytes(): number {
    return (
      this.writer.heldBytes +
      this.transport.unreadBytes +
      this.inbox.heldBytes +
      (this.compressor?.heldBytes ?? 0) +
      (this.plain?.heldBytes ?? 0) +
      (this.assembly?.heldBytes ?? 0) +
      (this.unread?.buffer.byteLength ?? 0)
    );
  }

  get weight(): number {
    return this.heldBytes + this.writer.bufferedBytes;
  }

  ration(): void {
    this.pauseReading();
    this.shard.reportRation(this);
  }

  relieveRation(): void {
    this.resumeReading();
  }

  shed(): void {
    const { shard } = this;
    shard.reportShed(this);
    this.assembly?.forget();
    this.limitDeadline(shard.clock.now() + SHED_DEADLINE_MS);
    this.tell(this.plain === null ? "buffer.exceeded" : "deadline.reached");
    this.countHeld();
  }

  /** What it holds may have changed; for most, it is nothing as ever. */
  countHeld(): void {
    const { assembly, compressor, countedBytes, inbox, shard, unread, writer } =
      this;
    const holdsNothing =
      countedBytes === 0 &&
      (compressor === null || compressor.heldBytes === 0) &&
      assembly === null &&
      unread === null &&
      this.plain === null &&
      inbox.heldBytes === 0 &&
      writer.bufferedBytes === 0;
    if (!holdsNothing) shard.holdings.count(this);
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (!this.has("open")) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  get isHandshaking(): boolean {
    return this.lifecycle.name === "upgrading.handshaking";
  }

  /** What the peer sends stays in the kernel. */
  pauseReading(): void {
    this.transport.pause();
  }

  tell(event: ConnectionEventType): void {
    this.shard.runner.send(this, event);
  }

  send(
    data: string | ArrayBuffer | ArrayBufferView,
    isBinary = typeof data !== "string",
  ): SendStatus {
    const payload = toPayload(data, "send()");
    checkFlag(isBinary, "send(): isBinary");
    if (!this.has("open") && !this.has("closing")) return "closed";
    const { shard, writer } = this;
    // Its machine has been told; where an action of it runs the handler, it has not heard yet.
    if (this.bufferedBytes > shard.config.maxBufferedBytes) {
      this.#judgeBuffer(this.bufferedBytes);
      return "closed";
    }
    if (this.compressor === null)
      writer.frame(isBinary ? OPCODE.binary : OPCODE.text, payload);
    else this.compressor.send(payload, isBinary);
    shard.counters.countMessageOut(payload.length);
    this.messagesOut++;
    const buffered = this.bufferedBytes;
    if (buffered <= shard.config.highWaterMarkBytes) return "sent";
    if (buffered > shard.config.maxBufferedBytes) this.#judgeBuffer(buffered);
    return "congested";
  }

  get topics(): ReadonlySet<string> {
    return new Set(this.subscriptions?.keys());
  }

  subscribe(topic: string, options?: SubscribeOptions): boolean {
    return this.shard.topics.subscribe(this, topic, options);
  }

  unsubscribe(topic: string): boolean {
    return this.shard.topics.unsubscribe(this, topic);
  }

  publish(
    topic: string,
    data: Sendable,
    given?: PublishOptions & { readonly includeSelf?: boolean },
  ): PublishStatus {
    const options = checkPublishing(given, true);
    if (!this.has("open") && !this.has("closing")) return "closed";
    const except = options.includeSelf === true ? null : this;
    return this.shard.topics.publishFrom(except, topic, data, options);
  }

  published(): Promise<void> {
    return this.shard.topics.published();
  }

  drained(): Promise<void> {
    const isCongested =
      this.bufferedBytes > this.shard.config.highWaterMarkBytes ||
      this.lifecycle.name === "open.congested";
    if (!isCongested || this.lifecycle.isFinal) return Promise.resolve();
    return new Promise((resolve) => {
      (this.#relieved ??= []).push(resolve);
    });
  }

  close(code: number = CLOSE_CODE.normal, reason = ""): void {
    if (!isSendableCloseCode(code))
      throw new SluiceError(
        "ERR_SLUICE_CLOSE_CODE",
        `close(): got the code ${String(code)}, takes 1000 to 1014 without 1004, 1005 and 1006, or 3000 to 4999`,
      );
    if (typeof reason !== "string")
      throw new SluiceError(
        "ERR_SLUICE_CLOSE_REASON",
        `close(): got ${show(reason)} as a reason, takes text`,
      );
    const reasonBytes = Buffer.byteLength(reason);
    if (reasonBytes > MAX_REASON_BYTES)
      throw new SluiceError(
        "ERR_SLUICE_CLOSE_REASON",
        `close(): got a reason of ${reasonBytes} bytes, takes at most ${MAX_REASON_BYTES}`,
      );
    this.dismiss(code, reason);
  }

  /** A verdict: it has to go, and nothing that it has said is handled any more. */
  dismiss(code: number, reason = ""): void {
    this.endWith("close.requested", code, reason);
    this.inbox.shut();
  }

  handle(data: Buffer, isBinary: boolean): Promise<void> | undefined {
    return this.shard.hooks.message(this, data, isBinary);
  }

  runHook<Hook extends keyof HookArguments>(
    hook: Hook,
    ...details: HookArguments[Hook]
  ): Promise<void> | undefined {
    return this.shard.hooks.run(hook, this, ...details);
  }

  /** It has caught up with its topics: what it has missed is told. */
  messagesDropped(missed: readonly DroppedMessages[]): void {
    const work = this.runHook("dropped", missed);
    if (work !== undefined) this.inbox.track(work);
  }

  get limits(): AssemblyLimits {
    return this.inflater === null
      ? this.shard.plainLimits
      : this.shard.compressedLimits;
  }

  /** Another request of plain HTTP begins, perhaps another client's behind the same proxy. */
  beginRequest(): void {
    this.#request = null;
    this.#remoteAddress = null;
    this.handshake = this.shard.beginHandshake(this);
  }

  /** What comes while it is not open: of a handshake, or of plain HTTP. */
  readUnopened(chunk: Buffer): void {
    this.#readAhead();
    if (this.lifecycle.name === "plain.idle") this.tell("request.begun");
    if (this.handshake !== null) this.handshake.read(chunk);
    else this.plain?.receive(chunk);
  }

  /** Of the next request of plain HTTP, what has come while the one before was answered. */
  #readAhead(): void {
    if (this.plain === null || this.lifecycle.name !== "plain.idle") return;
    const ahead = this.plain.takeAhead();
    if (ahead.length > 0) this.readUnopened(ahead);
  }

  now(): number {
    return this.shard.clock.now();
  }

  awaitTurn(): void {
    if (!this.isHeldBack) this.shard.turns.add(this);
  }

  /** A message that comes now is given to a handler. */
  get takesMessages(): boolean {
    return this.has("open");
  }

  /** A whole message has come. */
  messageRead(data: Buffer, isBinary: boolean): void {
    if (!this.has("open")) return;
    if (isProbe(this, data, isBinary)) {
      this.#sendTick();
      return;
    }
    this.shard.counters.countMessageIn();
    this.messagesIn++;
    this.inbox.take(data, isBinary);
  }

  /** A whole message has come, compressed: what comes behind it waits until it is not. */
  compressedRead(data: Buffer, isBinary: boolean): void {
    this.#isInflating = true;
    let isLater = false;
    this.inflater?.inflate(data, (inflated) => {
      this.#isInflating = false;
      if (!this.isReading) return;
      if (typeof inflated === "number") this.violated(inflated);
      else if (!isBinary && !isUtf8(inflated))
        this.violated(CLOSE_CODE.invalidPayload);
      else this.messageRead(inflated, isBinary);
      if (!isLater) return;
      this.resumeReading();
      this.countHeld();
    });
    if (!this.#isInflating) return;
    isLater = true;
    this.pauseReading();
  }

  /** A message is being inflated. */
  get isInflating(): boolean {
    return this.#isInflating;
  }

  get isMetered(): boolean {
    return this.rateLimiter !== null;
  }

  /** Every byte counts, and every frame, but for what we have asked for: the answer to our ping, and the close frame. */
  meter(bytes: number, opcode: number | undefined): void {
    const { rateLimiter, shard } = this;
    if (rateLimiter === null || !this.has("open")) return;
    const isAnswer = opcode === OPCODE.pong && this.#isPongAwaited;
    if (isAnswer) this.#isPongAwaited = false;
    const isCounted =
      opcode !== undefined && opcode !== OPCODE.close && !isAnswer;
    const frames = isCounted ? 1 : 0;
    if (!rateLimiter.take(frames, bytes, shard.clock.now()))
      this.dismiss(CLOSE_CODE.policyViolation, "rate limit exceeded");
  }

  sendPing(): void {
    this.#isPongAwaited = true;
    this.writer.frame(OPCODE.ping, "");
    // A browser shows no ping to a page.
    if (this.subprotocol === SLUICE_V1) this.#sendTick();
  }

  /** As a pong: one at most is owed to a client that does not read. */
  #sendTick(): void {
    if (this.writer.isStuck) this.#isTickOwed = true;
    else this.writer.frame(OPCODE.text, tickText(this));
  }

  /**
   * RFC 6455, 5.5.2: a pong with the same data, unless our close frame is out.
   * Who does not read is owed one at most, for the last ping (5.5.3).
   */
  pingRead(data: Buffer): void {
    if (this.has("sealed")) return;
    if (this.writer.isStuck) this.#owedPong = ownBytes(data);
    else this.writer.frame(OPCODE.pong, data);
  }

  closeRead(code: number, reason: string): void {
    this.stopHearing();
    this.inbox.close(() => this.endWith("peer.closed", code, reason));
  }

  /** RFC 6455, 7.1.7: the connection fails; where the next frame begins is unknown. */
  violated(closeCode: number): void {
    this.stopHearing();
    this.transport.resume();
    this.endWith("protocol.violated", closeCode);
    this.inbox.shut();
  }

  /** Nothing that the peer says counts any more. */
  stopHearing(): void {
    this.isReading = false;
    this.unread = null;
    this.assembly = null;
  }

  /** Reading waits for a handler, for decompression, or for the peer to read. */
  get isHeldBack(): boolean {
    const isWaiting =
      this.inbox.isFull ||
      this.isRationed ||
      this.#isInflating ||
      this.plain?.isFull === true ||
      this.lifecycle.name === "open.congested";
    // Once our close frame is out, the peer's is what we wait for.
    return isWaiting && !this.has("sealed");
  }

  /** What has been read has to wait as well. */
  get isStopped(): boolean {
    const isWaiting =
      this.isRationed ||
      this.#isInflating ||
      this.lifecycle.name === "open.congested";
    return isWaiting && !this.has("sealed");
  }

  /** Reads on, unless something else has to happen first; what was read already comes first, in its turn. */
  resumeReading(): void {
    if (this.isHeldBack) return;
    if (this.unread === null) this.transport.resume();
    else this.awaitTurn();
  }

  readOn(): void {
    this.#readAhead();
    const { unread } = this;
    if (unread === null || this.isHeldBack) return this.resumeReading();
    this.unread = null;
    const { batcher } = this.shard;
    batcher.startReading();
    try {
      takeIn(this, unread, true);
    } finally {
      batcher.endReading();
    }
    if (this.unread === null) this.resumeReading();
    return this.countHeld();
  }

  /** Closing has begun: whoever watches the signal may stop. */
  abort(): void {
    this.#abort?.abort();
  }

  /** Wakes those who wait in `drained()`. */
  relieve(): void {
    const waiting = this.#relieved;
    this.#relieved = null;
    if (waiting !== null) for (const resolve of waiting) resolve();
  }

  writerChanged(): void {
    const { lifecycle, writer } = this;
    if (this.#owedPong !== null && !writer.isStuck) this.#payPong();
    if (this.#isTickOwed && !writer.isStuck) this.#payTick();
    const buffered = this.bufferedBytes;
    if (buffered === 0) {
      if (lifecycle.tags.has("sealed")) this.tell("buffer.flushed");
      else if (
        lifecycle.name === "upgrading.refusing" ||
        lifecycle.name === "plain.failing"
      )
        this.transport.end();
    }
    this.plain?.flushed();
    if (writer.bufferedBytes > 0 || lifecycle.name === "open.congested")
      this.#judgeBuffer(buffered);
    if (
      this.#relieved !== null &&
      buffered <= this.shard.config.lowWaterMarkBytes
    )
      this.relieve();
    this.countHeld();
  }

  /** What was being compressed is with the writer. */
  compressorMoved(): void {
    compressedReady(this);
    this.countHeld();
  }

  #payPong(): void {
    const data = this.#owedPong as Buffer;
    this.#owedPong = null;
    this.pingRead(data);
  }

  #payTick(): void {
    this.#isTickOwed = false;
    if (!this.has("sealed")) this.#sendTick();
  }

  #judgeBuffer(buffered: number): void {
    const { config } = this.shard;
    if (buffered > config.maxBufferedBytes) this.tell("buffer.exceeded");
    else if (buffered > config.highWaterMarkBytes)
      this.tell("buffer.overflowed");
    else if (buffered <= config.lowWaterMarkBytes) this.tell("buffer.drained");
  }
}
