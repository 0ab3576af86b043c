import type { Socket } from "node:net";
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
import type { HookName } from "../../protocol/hooks.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
import { CLOSE_CODE, isSendableCloseCode, OPCODE } from "../../rfc6455.ts";
import { type Sendable, toPayload } from "../../topics/payload.ts";
import { checkPublishing } from "../../topics/rules.ts";
import type { ClientAddress } from "../handshake/remote-address.ts";
import type { RequestHead } from "../handshake/request-head.ts";
import type { FrameListener } from "../websocket/frame-reader.ts";
import type { HookArguments, Hooks } from "../hooks.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import type { ActingConnection, MoveUnderWay } from "./machine-actions.ts";
import { ManagedConnection } from "../lifecycle/managed-connection.ts";
import {
  FrameWriter,
  type FrameWriterOwner,
  type WriteBatcher,
} from "../websocket/frame-writer.ts";
import { LiveRequest } from "./request.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { HandshakeOwner, Handshake } from "../handshake/handshake.ts";
import type { Compressor, Receiver } from "../websocket/ws-engine.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";

const MAX_REASON_BYTES = 123;

/** What a connection asks of its shard. */
export interface ConnectionHost {
  readonly config: Config;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly hooks: Hooks;
  readonly batcher: WriteBatcher;
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
  /** The shard outlasts this work. */
  track(work: PromiseLike<void>): void;
  reportOpened(connection: LiveConnection): void;
  reportRejection(
    connection: LiveConnection,
    status: number,
    reason: string,
  ): void;
  reportCongestion(connection: LiveConnection): void;
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
    FrameListener,
    InboxOwner,
    ActingConnection,
    HandshakeOwner
{
  readonly shard: ConnectionHost;
  socket: Socket;
  readonly writer: FrameWriter;
  readonly isSecure: boolean;

  /** While the opening handshake is under way. */
  handshake: Handshake | null = null;
  head: RequestHead | null = null;
  subprotocol = "";
  data: unknown = undefined;
  /** Topics, as plain data; null until the first. */
  subscriptions: Map<string, WhenCongested> | null = null;
  droppedMessages = 0;
  /** It has come from another thread or process. */
  hasMoved = false;
  /** A hook of it has failed. */
  hasFailed = false;

  /** Open, and the peer has neither closed nor broken the protocol: what it sends counts. */
  isReading = false;
  /** The protocol engine, from the first frame that takes it. */
  receiver: Receiver | null = null;
  compressor: Compressor | null = null;
  readonly inbox: Inbox;
  rateLimiter: RateLimiter | null = null;
  messagesIn = 0;
  messagesOut = 0;
  /** Bytes that went over its socket in other threads. */
  bytesInBefore = 0;
  bytesOutBefore = 0;
  /** On its way out of this thread. */
  move: MoveUnderWay | null = null;

  #request: ConnectionRequest | null = null;
  #remoteAddress: string | null = null;
  #abort: AbortController | null = null;
  #relieved: (() => void)[] | null = null;

  constructor(
    shard: ConnectionHost,
    number: number,
    socket: Socket,
    isSecure: boolean,
  ) {
    super(number);
    this.shard = shard;
    this.socket = socket;
    this.isSecure = isSecure;
    this.writer = new FrameWriter(shard.batcher, socket, this, isSecure);
    this.inbox = new Inbox(this);
  }

  get request(): ConnectionRequest {
    return (this.#request ??= new LiveRequest(this));
  }

  /** The client's address; asking the system for it costs a call, so it is asked when it is wanted. */
  get remoteAddress(): string {
    return (this.#remoteAddress ??= this.shard.clientAddress(
      this.socket.remoteAddress ?? "",
      this.head?.header("x-forwarded-for"),
    ));
  }

  /** Its address as another thread knew it. */
  set remoteAddress(address: string) {
    this.#remoteAddress = address;
  }

  /** Bytes of TCP that were read, those of the handshake too. */
  get bytesIn(): number {
    return this.bytesInBefore + this.socket.bytesRead;
  }

  get bytesOut(): number {
    return this.bytesOutBefore + (this.socket.bytesWritten ?? 0);
  }

  get bufferedBytes(): number {
    return this.writer.bufferedBytes + (this.compressor?.bufferedBytes ?? 0);
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
    this.socket.pause();
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

  /** A whole message has come. */
  messageRead(data: Buffer, isBinary: boolean): void {
    if (!this.has("open")) return;
    const { shard, rateLimiter } = this;
    shard.counters.countMessageIn();
    this.messagesIn++;
    const isAllowed =
      rateLimiter === null || rateLimiter.take(data.length, shard.clock.now());
    if (isAllowed) this.inbox.take(data, isBinary);
    else this.dismiss(CLOSE_CODE.policyViolation, "rate limit exceeded");
  }

  /** RFC 6455, 5.5.2: a pong with the same data, unless our close frame is out. */
  pingRead(data: Buffer): void {
    if (!this.has("sealed")) this.writer.frame(OPCODE.pong, data);
  }

  closeRead(code: number, reason: string): void {
    this.isReading = false;
    this.inbox.close(() => this.endWith("peer.closed", code, reason));
  }

  /** RFC 6455, 7.1.7: the connection fails; where the next frame begins is unknown. */
  violated(closeCode: number): void {
    this.isReading = false;
    this.socket.resume();
    this.endWith("protocol.violated", closeCode);
    this.inbox.shut();
  }

  /** Reading waits for a handler or the engine to finish. */
  get isHeldBack(): boolean {
    return this.inbox.isFull || this.receiver?.writableNeedDrain === true;
  }

  /** Reads on, unless a handler or the engine has to finish first. */
  resumeReading(): void {
    if (!this.isHeldBack) this.socket.resume();
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
    const buffered = this.bufferedBytes;
    if (buffered === 0) {
      if (lifecycle.tags.has("sealed")) this.tell("buffer.flushed");
      else if (lifecycle.name === "upgrading.refusing") this.socket.end();
    }
    if (writer.bufferedBytes > 0 || lifecycle.name === "open.congested")
      this.#judgeBuffer(buffered);
    if (
      this.#relieved !== null &&
      buffered <= this.shard.config.lowWaterMarkBytes
    )
      this.relieve();
  }

  #judgeBuffer(buffered: number): void {
    const { config } = this.shard;
    if (buffered > config.maxBufferedBytes) this.tell("buffer.exceeded");
    else if (buffered > config.highWaterMarkBytes)
      this.tell("buffer.overflowed");
    else if (buffered <= config.lowWaterMarkBytes) this.tell("buffer.drained");
  }
}
