import {
  appointmentOf,
  type Ended,
  LONGEST_TIMER_MS,
  longestBackOffMs,
} from "./appointment.ts";
import type { ClientEventMap } from "./client-events.ts";
import {
  type Greeting,
  greetingIn,
  quietMsOf,
  SLUICE_V1,
} from "./client-heartbeat.ts";
import {
  checkNumbers,
  type ClientOptions,
  type Fate,
  type Incoming,
  type Outgoing,
  type SendOptions,
} from "./client-options.ts";
import { hearHandlers, page, tell, webSocketUrl } from "./client-platform.ts";
import { type Action, type Delay, Runner } from "./client-runner.ts";
import { SendQueue } from "./send-queue.ts";

const NO_CLOSE_FRAME: Ended = { code: 1006, reason: "" };
/** Longer than this, a connection has been a good one. */
const STABLE_MS = 5_000;
/** Asked although the system says that there is no network. */
const LONGEST_OFFLINE_MS = 60_000;

/**
 * A WebSocket that comes back: when its server has said, else after a back-off.
 * Made by {@link connect}; it connects at once.
 *
 * @typeParam Message - What the server sends.
 *
 * @example
 * ```ts
 * import { type Client, connect } from "sluice/client";
 *
 * const client: Client<string> = connect("wss://example.com/chat");
 * client.addEventListener("interrupted", ({ code, backInMs }) =>
 *   console.log(`closed with ${code}; back in ${backInMs} ms`),
 * );
 * ```
 */
export class Client<Message = Incoming>
  extends EventTarget
  implements AsyncIterable<Message>
{
  onopen: ((event: ClientEventMap<Message>["open"]) => void) | null = null;
  onmessage: ((event: ClientEventMap<Message>["message"]) => void) | null =
    null;
  oninterrupted:
    ((event: ClientEventMap<Message>["interrupted"]) => void) | null = null;
  onclose: ((event: ClientEventMap<Message>["close"]) => void) | null = null;

  readonly #base: string;
  readonly #options: ClientOptions;
  readonly #runner: Runner;
  /** Aborted with the client: whoever listens to the page listens no more. */
  readonly #life = new AbortController();
  readonly #queue: SendQueue;
  #asking = new AbortController();
  #socket: WebSocket | undefined;
  #url: string;
  #attempt = 0;
  #failures = 0;
  /** When the next attempt is due, by the wall clock: another may stand still while the machine sleeps. */
  #turnAt = 0;
  /** What was to be waited then: no longer, where that clock is set back. */
  #turnMs = 0;
  /** The server has said so, and no attempt was made since. */
  #hasAppointment = false;
  #openedAt = 0;
  #heardAt = 0;
  /** What our server tells and asks by, where it speaks `sluice.v1`. */
  #greeting: Greeting | undefined;
  #ended: Ended = NO_CLOSE_FRAME;
  #closeStatus: Ended = { code: 1000, reason: "" };

  /** @internal */
  constructor(url: string | URL, options: ClientOptions) {
    super();
    checkNumbers(options);
    this.#base = this.#url = webSocketUrl(url, page.location?.href);
    this.#options = options;
    this.#queue = new SendQueue(options);
    hearHandlers(this, ["open", "message", "interrupted", "close"]);
    this.#runner = new Runner(
      (action) => this.#actions[action](),
      (delay) => this.#delays[delay](),
    );
    const { signal } = this.#life;
    for (const type of ["online", "offline", "pageshow", "focus"])
      page.addEventListener?.(type, this.#hearPage, { signal });
    for (const type of ["visibilitychange", "resume"])
      page.document?.addEventListener(type, this.#hearPage, { signal });
    const end = (): void => this.close();
    options.signal?.addEventListener("abort", end, { signal });
    if (options.signal?.aborted === true) queueMicrotask(end);
    else this.#runner.tell("open.requested");
  }

  /** Where the client stands, as its machine names it: `open.healthy`, `waiting.appointed`, … */
  get state(): string {
    return this.#runner.state;
  }

  /** As a WebSocket's: 0 while it is away, 1 open, 2 closing, 3 closed for good. */
  get readyState(): 0 | 1 | 2 | 3 {
    const [state = ""] = this.state.split(".");
    const known = { open: 1, closing: 2, closed: 3 } as const;
    return known[state as keyof typeof known] ?? 0;
  }

  /** The address of the present or latest attempt. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol that the server has chosen; empty while away. */
  get protocol(): string {
    return this.#socket?.protocol ?? "";
  }

  /** The extensions that the server has chosen; empty while away. */
  get extensions(): string {
    return this.#socket?.extensions ?? "";
  }

  /** Bytes that wait here and in the platform's socket. */
  get bufferedAmount(): number {
    return this.#queue.bytes + (this.#socket?.bufferedAmount ?? 0);
  }

  /**
   * Sends, or lets wait what cannot be sent now.
   *
   * @returns What becomes of it. It never rejects, and settles before `close`.
   */
  send(data: Outgoing, options: SendOptions = {}): Promise<Fate> {
    // Its own state lags behind that of the platform, which drops in silence.
    if (this.readyState === 1 && this.#socket?.readyState === 1)
      return Promise.resolve(this.#write(data));
    const { whenAway = this.#options.whenAway, expiresMs } = options;
    return whenAway === "refuse" || this.readyState > 1
      ? Promise.resolve("refused")
      : this.#queue.add(data, expiresMs);
  }

  /** Tries at once, whatever the appointment. */
  reconnect(): void {
    this.#runner.tell("open.requested");
  }

  /**
   * Ends the client. What still waits is refused.
   *
   * @param code - 1000 or 3000 to 4999, as a browser takes it.
   * @param reason - At most 123 bytes.
   * @throws RangeError for another code, or a longer reason.
   */
  close(code = 1000, reason = ""): void {
    if (code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new RangeError(
        `close(): a code is 1000 or from 3000 to 4999; got ${code}`,
      );
    if (new TextEncoder().encode(reason).length > 123)
      throw new RangeError(`close(): a reason has at most 123 bytes`);
    this.#closeStatus = { code, reason };
    if (this.readyState === 0) this.#ended = this.#closeStatus;
    this.#runner.tell("close.requested");
  }

  /** The messages from now on, until the client is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    const heard: Message[] = [];
    let wake = (): void => {};
    const listening = new AbortController();
    this.addEventListener(
      "message",
      ({ data }) => {
        heard.push(data);
        wake();
      },
      listening,
    );
    this.addEventListener("close", () => wake(), listening);
    try {
      for (;;) {
        while (heard.length > 0) yield heard.shift() as Message;
        if (this.readyState === 3) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      listening.abort();
    }
  }

  override addEventListener<Type extends keyof ClientEventMap>(
    type: Type,
    listener: (event: ClientEventMap<Message>[Type]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListener | EventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  readonly #hearPage = ({ type }: Event): void => {
    if (type === "offline") this.#runner.tell("network.left");
    else if (type === "online") this.#runner.tell("network.came");
    else if (page.document?.visibilityState !== "hidden")
      this.#runner.tell("page.woke");
  };

  readonly #delays: Readonly<Record<Delay, () => number>> = {
    turn: () => this.#untilTurn(),
    longestOffline: () => Math.max(LONGEST_OFFLINE_MS, this.#untilTurn()),
    addressDeadline: () => 10_000,
    connectDeadline: () => 10_000,
    quiet: () => this.#quietMs,
    probeDeadline: () => 5_000,
    closeDeadline: () => 3_000,
  };

  readonly #actions: Readonly<Record<Action, () => void>> = {
    askForAddress: () => void this.#ask(),
    stopAsking: () => this.#asking.abort(),
    makeSocket: () => this.#connect(),
    dropSocket: () => {
      const socket = this.#socket;
      // Whatever it still says is not heard; one on a dead line may take minutes to close.
      this.#socket = undefined;
      socket?.close();
    },
    sendProbe: () => this.#sendProbe(),
    sendClose: () => {
      // So it is unless the server answers.
      this.#ended = NO_CLOSE_FRAME;
      this.#socket?.close(this.#closeStatus.code, this.#closeStatus.reason);
    },
    countFailure: () => {
      this.#failures++;
    },
    judgeOpen: () => {
      const isGood =
        this.#hasAppointment || Date.now() - this.#openedAt >= STABLE_MS;
      this.#failures = isGood ? 0 : this.#failures + 1;
    },
    setTurn: () => this.#setTurn(),
    hasten: () => {
      if (this.#hasAppointment) this.#runner.tell("appointment.given");
      else this.#turnMs = 0;
    },
    announceOpen: () => {
      this.#openedAt = Date.now();
      this.#heardAt = 0;
      this.#greeting = undefined;
      this.#queue.empty((data) => this.#write(data));
      tell(this, "open", { attempt: this.#attempt });
    },
    announceInterruption: () =>
      tell(this, "interrupted", {
        ...this.#ended,
        backInMs: this.#untilTurn(),
      }),
    announceEnd: () => {
      this.#life.abort();
      this.#queue.empty(() => "refused");
      tell(this, "close", this.#ended);
    },
  };

  async #ask(): Promise<void> {
    const asking = (this.#asking = new AbortController());
    const attempt = ++this.#attempt;
    this.#hasAppointment = false;
    const { address = () => this.#base } = this.#options;
    let fact: "address.ready" | "address.failed" | "address.refused";
    try {
      const { signal } = asking;
      // In a later turn: whoever makes the client hears all that is told of it.
      await Promise.resolve();
      const answer = signal.aborted
        ? undefined
        : await address({ attempt, signal });
      // An answer that comes too late is not for the attempt that waits now.
      if (signal.aborted) return;
      if (answer === undefined) {
        this.#ended = { code: 1000, reason: "" };
        fact = "address.refused";
      } else {
        this.#url = webSocketUrl(answer, this.#base);
        fact = "address.ready";
      }
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#ended = { code: 1006, reason: String(error) };
      fact = "address.failed";
    }
    this.#runner.tell(fact);
  }

  #connect(): void {
    const { heartbeat, protocols = [] } = this.#options;
    const { WebSocket: Socket = WebSocket } = this.#options;
    let socket: WebSocket;
    try {
      socket = new Socket(
        this.#url,
        heartbeat === true ? [SLUICE_V1, ...[protocols].flat()] : protocols,
      );
    } catch (error) {
      this.#hearEnd({ code: 1006, reason: String(error) });
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const hear = (type: string, heard: (event: never) => void): void =>
      socket.addEventListener(type, (event) => {
        // One that was dropped is not heard any more.
        if (socket === this.#socket) heard(event as never);
      });
    hear("open", () => this.#runner.tell("socket.opened"));
    hear("message", ({ data }: { data: unknown }) => this.#hear(data));
    // One that nobody hears ends the process, with the class of some libraries.
    hear("error", () => {});
    hear("close", ({ code, reason }: Ended) => this.#hearEnd({ code, reason }));
  }

  #hear(data: unknown): void {
    // Only the first message can be the greeting.
    const greeting =
      this.#heardAt === 0 ? greetingIn(data, this.protocol) : undefined;
    this.#greeting ??= greeting;
    const now = Date.now();
    // Each message arms the delay anew, but not each of thousands in a second.
    if (
      this.state !== "open.healthy" ||
      (now - this.#heardAt) * 32 >= this.#quietMs
    ) {
      this.#heardAt = now;
      this.#runner.tell("server.heard");
    }
    const isOurs =
      greeting !== undefined ||
      (this.#greeting && data === `~${this.#greeting.token}`);
    if (!isOurs) this.dispatchEvent(new MessageEvent("message", { data }));
  }

  #hearEnd(ended: Ended): void {
    this.#ended = ended;
    const inMs = appointmentOf(ended);
    this.#hasAppointment = inMs !== undefined;
    if (inMs !== undefined) this.#setTurnIn(inMs);
    let isFinal = inMs === Infinity;
    try {
      isFinal ||= this.#options.isFinal?.(ended) === true;
    } finally {
      this.#runner.tell(isFinal ? "socket.dismissed" : "socket.lost");
    }
  }

  #setTurn(): void {
    if (this.#hasAppointment) this.#runner.tell("appointment.given");
    else {
      const { firstBackOffMs = 500, longestBackOffMs: longest = 20_000 } =
        this.#options;
      const longestNow = longestBackOffMs(
        Math.max(0, this.#failures - 1),
        firstBackOffMs,
        longest,
      );
      this.#setTurnIn(Math.random() * longestNow);
    }
    if (page.navigator?.onLine === false) this.#runner.tell("network.left");
  }

  #sendProbe(): void {
    const { probe = () => this.#greeting && `?${this.#greeting.token}` } =
      this.#options;
    const question = probe();
    if (question === undefined) this.#runner.tell("server.heard");
    else this.#write(question);
  }

  #setTurnIn(ms: number): void {
    this.#turnMs = Math.ceil(ms);
    this.#turnAt = Date.now() + ms;
  }

  #untilTurn(): number {
    const ms = Math.ceil(this.#turnAt - Date.now());
    return Math.max(0, Math.min(this.#turnMs, ms));
  }

  get #quietMs(): number {
    const told = quietMsOf(this.#greeting);
    return Math.min(this.#options.quietMs ?? told, LONGEST_TIMER_MS);
  }

  #write(data: Outgoing): Fate {
    try {
      this.#socket?.send(data);
      return "uncertain";
    } catch {
      // What is none of what a socket takes, such as memory that is shared.
      return "refused";
    }
  }
}

/**
 * Connects, and stays connected until it is closed.
 *
 * @param url - Of any WebSocket server; relative to the page, `http:` is taken as `ws:`.
 * @throws TypeError for an address that is none, RangeError for an option out of its range.
 *
 * @example
 * ```ts
 * import { connect } from "sluice/client";
 *
 * const client = connect<string>("wss://example.com/chat");
 * client.addEventListener("message", ({ data }) => console.log(data));
 * void client.send("hello"); // waits while it is away
 * ```
 */
export function connect<Message = Incoming>(
  url: string | URL,
  options: ClientOptions = {},
): Client<Message> {
  return new Client<Message>(url, options);
}
