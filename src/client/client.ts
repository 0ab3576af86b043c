import {
  appointmentOf,
  type Ended,
  LONGEST_TIMER_MS,
  longestBackOffMs,
} from "./appointment.ts";
import {
  checkNumbers,
  type ClientOptions,
  type Fate,
  type Incoming,
  type Outgoing,
  type SendOptions,
} from "./client-options.ts";
import { type Action, type Delay, Runner } from "./client-runner.ts";

export interface ClientEventMap<Message = Incoming> {
  /** Connected, for the first time or again. */
  open: Event & {
    /** How many attempts it took, over the whole life of the client. */
    readonly attempt: number;
  };
  message: Event & { readonly data: Message };
  /** A connection, or an attempt, has ended, and the client comes back. */
  interrupted: Event &
    Ended & {
      /** Milliseconds until the next attempt. */
      readonly backInMs: number;
    };
  /** The end, once: nothing comes after it. */
  close: Event & Ended;
}

interface Waiting {
  readonly data: Outgoing;
  readonly bytes: number;
  readonly settle: (fate: Fate) => void;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

const NO_CLOSE_FRAME: Ended = { code: 1006, reason: "" };
/** Longer than this, a connection has been a good one. */
const STABLE_MS = 5_000;
/** Asked although the system says that there is no network. */
const LONGEST_OFFLINE_MS = 60_000;
const MAX_QUEUED = 256;
const MAX_QUEUED_BYTES = 1_048_576;

/** What a page has beyond Node, and a worker in part. */
interface Page {
  readonly addEventListener?: EventTarget["addEventListener"];
  readonly document?: EventTarget & { readonly visibilityState: string };
  readonly location?: { readonly href: string };
  readonly navigator?: { readonly onLine?: boolean };
}
const page: Page = globalThis as unknown as Page;

/**
 * A WebSocket that comes back: when its server has said, else after a back-off.
 * Made by {@link connect}; it connects at once.
 *
 * @typeParam Message - What the server sends.
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
  readonly #queue = new Set<Waiting>();
  #queuedBytes = 0;
  #asking = new AbortController();
  #socket: WebSocket | undefined;
  #url: string;
  #attempt = 0;
  #failures = 0;
  /** When the next attempt is due, by the wall clock: another may stand still while the machine sleeps. */
  #turnAt = 0;
  /** The server has said so, and no attempt was made since. */
  #hasAppointment = false;
  #openedAt = 0;
  #heardAt = 0;
  #ended: Ended = NO_CLOSE_FRAME;
  #goodbye: Ended = { code: 1000, reason: "" };

  /** @internal */
  constructor(url: string | URL, options: ClientOptions) {
    super();
    checkNumbers(options);
    this.#base = this.#url = webSocketUrl(url, page.location?.href);
    this.#options = options;
    for (const type of ["open", "message", "interrupted", "close"] as const)
      super.addEventListener(type, (event) =>
        this[`on${type}`]?.(event as never),
      );
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
    this.#runner.tell("open.requested");
    if (options.signal?.aborted === true) end();
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

  /** Bytes that wait here and in the platform's socket. */
  get bufferedAmount(): number {
    return this.#queuedBytes + (this.#socket?.bufferedAmount ?? 0);
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
    const bytes = typeof data === "string" ? data.length : data.byteLength;
    const { maxQueued = MAX_QUEUED, maxQueuedBytes = MAX_QUEUED_BYTES } =
      this.#options;
    const hasRoom =
      this.#queue.size < maxQueued &&
      this.#queuedBytes + bytes <= maxQueuedBytes;
    if (whenAway === "refuse" || !hasRoom || this.readyState > 1)
      return Promise.resolve("refused");
    return new Promise((settle) => {
      const waiting: Waiting = {
        data,
        bytes,
        settle,
        timer:
          expiresMs === undefined
            ? undefined
            : setTimeout(
                () => this.#take(waiting)("refused"),
                Math.min(expiresMs, LONGEST_TIMER_MS),
              ),
      };
      this.#queue.add(waiting);
      this.#queuedBytes += bytes;
    });
  }

  /** Tries at once, whatever the appointment. */
  reconnect(): void {
    this.#runner.tell("open.requested");
  }

  /**
   * Ends the client. What still waits is refused.
   *
   * @param code - 1000 or 3000 to 4999, as a browser takes it.
   * @throws RangeError for another code.
   */
  close(code = 1000, reason = ""): void {
    if (code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new RangeError(
        `close(): a code is 1000 or from 3000 to 4999; got ${code}`,
      );
    this.#goodbye = { code, reason };
    if (this.readyState === 0) this.#ended = this.#goodbye;
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
    // What was heard before proves nothing any more.
    this.#heardAt = 0;
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
    quiet: () => this.#untilQuiet(),
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
      this.#socket?.close(this.#goodbye.code, this.#goodbye.reason);
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
    announceOpen: () => {
      this.#openedAt = this.#heardAt = Date.now();
      for (const waiting of this.#queue)
        this.#take(waiting)(this.#write(waiting.data));
      this.#say("open", { attempt: this.#attempt });
    },
    announceInterruption: () =>
      this.#say("interrupted", {
        ...this.#ended,
        backInMs: this.#untilTurn(),
      }),
    announceEnd: () => {
      this.#life.abort();
      for (const waiting of this.#queue) this.#take(waiting)("refused");
      this.#say("close", this.#ended);
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
      const answer = await address({ attempt, signal });
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
    const { protocols = [], WebSocket: Socket = WebSocket } = this.#options;
    const socket = new Socket(this.#url, protocols);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const hear = (type: string, heard: (event: never) => void): void =>
      socket.addEventListener(type, (event) => {
        // One that was dropped is not heard any more.
        if (socket === this.#socket) heard(event as never);
      });
    hear("open", () => this.#runner.tell("socket.opened"));
    hear("message", ({ data }: { data: unknown }) => {
      this.#heardAt = Date.now();
      this.#runner.tell("server.heard");
      this.dispatchEvent(new MessageEvent("message", { data }));
    });
    hear("close", ({ code, reason }: Ended) => this.#hearEnd({ code, reason }));
  }

  #hearEnd(ended: Ended): void {
    this.#ended = ended;
    const inMs = appointmentOf(ended);
    this.#hasAppointment = inMs !== undefined;
    if (inMs !== undefined) this.#turnAt = Date.now() + inMs;
    const isFinal =
      inMs === Infinity || this.#options.isFinal?.(ended) === true;
    this.#runner.tell(isFinal ? "socket.dismissed" : "socket.lost");
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
      this.#turnAt = Date.now() + Math.random() * longestNow;
    }
    if (page.navigator?.onLine === false) this.#runner.tell("network.left");
  }

  #sendProbe(): void {
    const { probe } = this.#options;
    if (probe !== undefined && this.#untilQuiet() <= 0) {
      this.#write(probe());
      return;
    }
    // Nothing to ask, or it was heard while the delay ran: that is armed once, not with each message.
    if (probe === undefined) this.#heardAt = Date.now();
    this.#runner.tell("server.heard");
  }

  #untilTurn(): number {
    return Math.max(0, Math.ceil(this.#turnAt - Date.now()));
  }

  #untilQuiet(): number {
    const { quietMs = 30_000 } = this.#options;
    return Math.min(quietMs, this.#heardAt + quietMs - Date.now());
  }

  #write(data: Outgoing): Fate {
    this.#socket?.send(data);
    return "uncertain";
  }

  /** Takes what waits out of the queue, for a fate. */
  #take(waiting: Waiting): (fate: Fate) => void {
    clearTimeout(waiting.timer);
    if (this.#queue.delete(waiting)) this.#queuedBytes -= waiting.bytes;
    return waiting.settle;
  }

  #say(type: string, detail: object): void {
    this.dispatchEvent(Object.assign(new Event(type), detail));
  }
}

/**
 * Connects, and stays connected until it is closed.
 *
 * @param url - Of any WebSocket server; relative to the page, `http:` is taken as `ws:`.
 * @throws TypeError for an address that is none, RangeError for an option out of its range.
 */
export function connect<Message = Incoming>(
  url: string | URL,
  options: ClientOptions = {},
): Client<Message> {
  return new Client<Message>(url, options);
}

/** An address as a WebSocket takes it everywhere, also where it is relative or `http:`. */
function webSocketUrl(url: string | URL, base: string | undefined): string {
  const { href } = new URL(url, base);
  if (!/^(?:ws|http)s?:/.test(href))
    throw new TypeError(
      `an address begins with ws:, wss:, http: or https:; got ${href}`,
    );
  return href.replace(/^http/, "ws").replace(/#.*$/, "");
}
