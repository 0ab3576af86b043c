import type { Config } from "../../config.ts";
import type { ConnectionEventType } from "../../machines/connection-machine.ts";
import type { HookArguments } from "../hooks.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";
import { ownBytes, SHARE_LIMIT_BYTES } from "../websocket/message-memory.ts";

/** What a waiting message weighs besides its bytes. */
const MESSAGE_BYTES = 256;

/** What an inbox asks of its connection. */
export interface InboxOwner {
  readonly shard: {
    readonly config: Pick<Config, "maxHandlersInFlight" | "closeDeadlineMs">;
    readonly clock: Pick<Clock, "setTimeout" | "clearTimeout">;
    /** The shard outlasts this work. */
    track(work: PromiseLike<void>): void;
  };
  /** Where the connection is compressed. */
  readonly compressor: { readonly isIdle: boolean } | null;
  has(tag: "open" | "closing"): boolean;
  tell(event: ConnectionEventType): void;
  pauseReading(): void;
  resumeReading(): void;
  /** What messages hold has changed. */
  countHeld(): void;
  /** Gives a message to its handler; a promise while that is under way. */
  handle(data: Buffer, isBinary: boolean): PromiseLike<void> | undefined;
  /** The same for the hooks that messages wait for. */
  runHook<Hook extends "opened" | "resume">(
    hook: Hook,
    ...details: HookArguments[Hook]
  ): PromiseLike<void> | undefined;
}

interface Message {
  data: Buffer;
  isBinary: boolean;
}

/**
 * What becomes of a message: it is handled, it waits for `opened`, `suspend` or
 * `resume`, or a verdict on the connection has fallen and nothing is heard any more.
 */
type Stage = "handling" | "held" | "shut";

/**
 * Messages on their way into the handlers of one connection: how many run, and
 * which wait. At the bound reading pauses; what had been read by then waits
 * here, no more than one turn of the event loop may read, and is handled also
 * when a shutdown comes meanwhile, but not after a verdict. A close frame of the
 * peer that had been read behind them waits its turn, as if it were still
 * unread.
 */
export class Inbox {
  readonly #connection: InboxOwner;
  #inFlight = 0;
  #waiting: Message[] | null = null;
  #waitingBytes = 0;
  #inFlightBytes = 0;
  /** Hears the peer's close frame, which came behind the messages that wait. */
  #hearClose: (() => void) | null = null;
  #closeTimer: unknown;
  #stage: Stage = "handling";
  /** How many hooks messages wait for. */
  #holds = 0;

  constructor(connection: InboxOwner) {
    this.#connection = connection;
  }

  /** Handlers in flight, and messages that wait for one. */
  get pending(): number {
    return this.#inFlight + (this.#waiting?.length ?? 0);
  }

  /** Reading has to wait for a handler to finish. */
  get isFull(): boolean {
    return this.#waiting !== null;
  }

  /** What messages that wait or are being handled keep in memory. */
  get heldBytes(): number {
    const messages = this.#waiting?.length ?? 0;
    return this.#waitingBytes + messages * MESSAGE_BYTES + this.#inFlightBytes;
  }

  /** Runs `opened`; messages wait until it has resolved. */
  open(): void {
    this.#holdFor(this.#connection.runHook("opened"));
  }

  /** Runs `resume`; messages wait until it has resolved. */
  resume(state: unknown): void {
    if (this.#stage === "shut") return;
    this.#holdFor(this.#connection.runHook("resume", state));
  }

  /** Messages wait until a hook has resolved, and until every other that they wait for has. */
  hold(work: PromiseLike<void>): void {
    if (this.#stage === "handling") this.#stage = "held";
    this.#holds++;
    const release = (): void => {
      this.#holds--;
      if (this.#stage === "held" && this.#holds === 0) this.#stage = "handling";
    };
    this.track(work.then(release));
  }

  #holdFor(work: PromiseLike<void> | undefined): void {
    if (work !== undefined) this.hold(work);
  }

  /** A whole message has come. */
  take(data: Buffer, isBinary: boolean): void {
    if (this.#stage === "shut") return;
    const { config } = this.#connection.shard;
    const isFull = this.#inFlight >= config.maxHandlersInFlight;
    if (this.#stage === "held" || isFull) {
      (this.#waiting ??= []).push({ data: ownBytes(data), isBinary });
      this.#waitingBytes += data.length;
      this.#connection.pauseReading();
      return;
    }
    this.#handle(data, isBinary);
    if (this.#connection.has("closing")) this.settle();
  }

  /**
   * The peer's close frame has come: it is heard once every message before it
   * has been given to a handler, or when an ordinary close would have taken too
   * long.
   */
  close(hear: () => void): void {
    const { clock, config } = this.#connection.shard;
    this.#hearClose = hear;
    if (this.#waiting === null) this.hearClose();
    else
      this.#closeTimer = clock.setTimeout(
        () => this.hearClose(),
        config.closeDeadlineMs,
      );
  }

  /** Hears the peer's close frame now, if it has come. */
  hearClose(): void {
    const hear = this.#hearClose;
    if (hear === null) return;
    this.#forgetClose();
    hear();
  }

  #forgetClose(): void {
    this.#hearClose = null;
    this.#connection.shard.clock.clearTimeout(this.#closeTimer);
  }

  /**
   * Counts work as in flight until it settles; closing waits for it.
   *
   * @param bytes - Of the message that it is given.
   */
  track(work: PromiseLike<void>, bytes = 0): void {
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    const settled = work.then(() => {
      this.#inFlight--;
      this.#inFlightBytes -= bytes;
      this.#takeWaiting();
    });
    this.#connection.shard.track(settled);
  }

  /**
   * A verdict on the connection has fallen: a handler has closed it or failed,
   * or the peer broke a rule. What handlers have begun they finish; nothing
   * that the peer has said is given to them any more.
   */
  shut(): void {
    this.#stage = "shut";
    this.#forgetWaiting();
    this.hearClose();
    this.#connection.resumeReading();
    if (this.#connection.has("closing")) this.settle();
  }

  /** Tells the machine when nothing is left to wait for. */
  settle(): void {
    // What handlers have sent may still be compressed: it is owed as well.
    if (this.#connection.compressor?.isIdle === false) return;
    if (this.pending === 0) this.#connection.tell("handlers.settled");
  }

  /** The connection has ended: what waits will not be handled. */
  drop(): void {
    this.#forgetWaiting();
    this.#forgetClose();
  }

  #forgetWaiting(): void {
    this.#waiting = null;
    this.#waitingBytes = 0;
  }

  #handle(data: Buffer, isBinary: boolean): void {
    // Counted also while it runs: a handler that closes its own connection is in flight.
    this.#inFlight++;
    const work = this.#connection.handle(data, isBinary);
    this.#inFlight--;
    // A small one is in memory that it shares with others.
    const isShared = data.length <= SHARE_LIMIT_BYTES;
    if (work !== undefined) this.track(work, isShared ? 0 : data.length);
  }

  #takeWaiting(): void {
    const { config } = this.#connection.shard;
    while (
      this.#waiting !== null &&
      this.#stage === "handling" &&
      this.#inFlight < config.maxHandlersInFlight
    ) {
      const { data, isBinary } = this.#waiting.shift() as Message;
      this.#waitingBytes -= data.length;
      if (this.#waiting.length === 0) this.#waiting = null;
      this.#handle(data, isBinary);
    }
    if (this.#waiting === null) this.hearClose();
    this.#connection.resumeReading();
    this.#connection.countHeld();
    if (this.#connection.has("closing")) this.settle();
  }
}
