import {
  type Client,
  type ClientOptions,
  connect,
  type Fate,
} from "../../src/client/index.ts";

const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 20_000;
const STABLE_MS = 5_000;
const COMES_BACK = new Set([1001, 1012, 1013]);

/** The platform's WebSocket, or what a test plays it with. */
export type SocketClass = NonNullable<ClientOptions["WebSocket"]>;

interface Kept {
  /** Neither ended nor given up. */
  isLive: boolean;
  openedAt: number | undefined;
}

/**
 * One client, and what is written down of it: what it asks, opens, hears and
 * tells. What it must not do is written down as a violation, in the words of
 * the law (C1 to C7). It knows nothing of the client's inside, and works in
 * simulated time as over real sockets.
 */
export class Book {
  readonly violations: string[] = [];
  readonly client: Client;
  attempts = 0;
  opened = 0;
  /** Sends without a fate. */
  pending = 0;
  readonly fates: Fate[] = [];
  isClosed = false;
  /** Its latest connection attempt. */
  socket: Kept | undefined;
  readonly #longestBackOffMs: number;
  #notBefore = 0;
  #isNever = false;
  #failures = 0;
  /** What the present attempt was answered. */
  address = "";

  /**
   * @param Socket - The platform's class, or the test's.
   * @param addressOf - The address of an attempt, as the client may be answered.
   */
  constructor(
    base: string,
    Socket: SocketClass,
    addressOf: (url: string, signal: AbortSignal) => string | Promise<string>,
    options: ClientOptions = {},
  ) {
    this.#longestBackOffMs = options.longestBackOffMs ?? LONGEST_BACK_OFF_MS;
    this.client = connect(base, {
      firstBackOffMs: FIRST_BACK_OFF_MS,
      longestBackOffMs: this.#longestBackOffMs,
      ...options,
      address: async ({ attempt, signal }) => {
        this.#begin(attempt);
        const url = `${base}?attempt=${attempt}`;
        const answer = await addressOf(url, signal);
        // An answer that comes too late must not be used.
        if (!signal.aborted) this.address = answer;
        return answer;
      },
      WebSocket: this.#observed(Socket),
    });
    this.client.addEventListener("open", () => this.#hear("open"));
    this.client.addEventListener("message", () => this.#hear("message"));
    this.client.addEventListener("interrupted", ({ backInMs }) => {
      this.#hear("interrupted");
      this.#judgeWait(backInMs);
    });
    this.client.addEventListener("close", () => {
      this.#hear("close");
      this.isClosed = true;
      // Their promises have settled: whoever awaits them hears of it next.
      queueMicrotask(() => {
        this.#law("C7: a send is not settled by the end", this.pending === 0);
      });
    });
  }

  send(data: string): void {
    this.pending++;
    void this.client.send(data).then((fate) => {
      this.pending--;
      this.fates.push(fate);
    });
  }

  /** Its user wants it back now. */
  reconnect(): void {
    this.#notBefore = 0;
    this.client.reconnect();
  }

  #law(law: string, holds: boolean): void {
    if (!holds) this.violations.push(`${law} (${this.client.state})`);
  }

  #begin(attempt: number): void {
    this.attempts++;
    this.#law("C6: one address for each attempt", attempt === this.attempts);
    this.#law("C7: nothing after the end", !this.isClosed);
    this.#law("C2: never is never", !this.#isNever);
    this.#law(
      `C2: ${this.#notBefore - Date.now()} ms before its appointment`,
      // The clock of timers and the wall's are rounded each for itself.
      Date.now() + 1 >= this.#notBefore,
    );
    this.#law("C1: one at a time", this.socket?.isLive !== true);
    this.#notBefore = 0;
    this.socket = undefined;
  }

  #observed(Socket: SocketClass): SocketClass {
    // oxlint-disable-next-line unicorn/no-this-assignment, typescript/no-this-alias -- the class below has another
    const book = this;
    return class extends Socket {
      readonly #kept: Kept = { isLive: true, openedAt: undefined };

      constructor(url: string, protocols?: string | string[]) {
        super(url, protocols);
        book.#law("C1: one at a time", book.socket?.isLive !== true);
        book.#law("C6: the address of this attempt", url === book.address);
        book.socket = this.#kept;
        this.addEventListener("open", () => {
          this.#kept.openedAt = Date.now();
        });
        this.addEventListener("close", ({ code, reason }: CloseEvent) => {
          if (this.#kept.isLive) book.appoint(code, reason);
          this.#kept.isLive = false;
        });
      }

      override close(code?: number, reason?: string): void {
        // With a code it is the client's own end, which is waited for.
        if (code === undefined) this.#kept.isLive = false;
        super.close(code, reason);
      }
    };
  }

  /** Its server has ended a connection. */
  appoint(code: number, reason: string): void {
    const told = /^retry-after-ms=(\d+|never)$/.exec(reason)?.[1];
    if (told === undefined || !COMES_BACK.has(code)) return;
    if (told === "never") this.#isNever = true;
    else this.#notBefore = Date.now() + Number(told);
  }

  #hear(event: string): void {
    this.#law(`C7: ${event} after the end`, !this.isClosed);
    if (event === "open") this.opened++;
    if (event === "message" || event === "open")
      this.#law(
        `C1: ${event} of a socket that was given up`,
        this.socket?.isLive === true,
      );
  }

  /** C4: appointed exactly, or random up to a limit that doubles. */
  #judgeWait(backInMs: number): void {
    const openedAt = this.socket?.openedAt;
    const isAppointed = this.#notBefore > 0;
    const wasGood =
      isAppointed ||
      (openedAt !== undefined && Date.now() - openedAt >= STABLE_MS);
    this.#failures = wasGood ? 0 : this.#failures + 1;
    const longest = isAppointed
      ? this.#notBefore - Date.now()
      : Math.min(
          this.#longestBackOffMs,
          FIRST_BACK_OFF_MS * 2 ** Math.max(0, this.#failures - 1),
        );
    this.#law(
      `C4: waits ${backInMs} ms of ${longest}`,
      backInMs >= (isAppointed ? longest - 1 : 0) && backInMs <= longest + 1,
    );
  }
}
