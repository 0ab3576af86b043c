import { appointmentOf, longestBackOffMs } from "./appointment.ts";
import { hearHandlers, page, tell, webSocketUrl } from "./client-platform.ts";

/** When a host is to be called again, for all sockets of this page or process. */
interface Appointment {
  dueAt: number;
  /** How long that was when it was said: no longer, where the clock is set back. */
  waitMs: number;
  failures: number;
}
const appointments = new Map<string, Appointment>();

function setDue(appointment: Appointment, inMs: number): void {
  appointment.dueAt = Date.now() + inMs;
  appointment.waitMs = inMs;
}

const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 20_000;

/**
 * A WebSocket with one life, for libraries that come back by themselves: it
 * stays CONNECTING until the appointment that its host has given to this page
 * or process has come. A library's own wait runs beside it, not on top.
 *
 * - graphql-ws: `createClient({ url, webSocketImpl: PatientWebSocket })`
 * - tRPC: `createWSClient({ url, WebSocket: PatientWebSocket })`
 * - y-websocket: `new WebsocketProvider(url, room, doc, { WebSocketPolyfill: PatientWebSocket })`
 *
 * A host that has said `retry-after-ms=never` is not called again: such a socket
 * closes with 1006.
 *
 * @example
 * ```ts
 * import { PatientWebSocket } from "sluice/client";
 *
 * const socket = new PatientWebSocket("wss://example.com/chat");
 * socket.addEventListener("open", () => socket.send("hello"));
 * ```
 */
export class PatientWebSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  readonly url: string;
  #socket: WebSocket | undefined;
  /** While there is no socket: CONNECTING, CLOSING or CLOSED. */
  #state: 0 | 2 | 3 = 0;
  #binaryType: "blob" | "arraybuffer" = "blob";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** As `WebSocket` is made, with whatever more the platform's takes. */
  constructor(url: string | URL, ...more: unknown[]) {
    super();
    this.url = webSocketUrl(url, page.location?.href);
    hearHandlers(this, ["open", "message", "error", "close"]);
    const { host } = new URL(this.url);
    const appointment = appointments.get(host) ?? {
      dueAt: 0,
      waitMs: 0,
      failures: 0,
    };
    appointments.set(host, appointment);
    if (appointment.dueAt === Infinity) this.close();
    else this.#wait(appointment, more);
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return (this.#socket?.readyState as 0 | 1 | 2 | 3) ?? this.#state;
  }

  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  get protocol(): string {
    return this.#socket?.protocol ?? "";
  }

  get extensions(): string {
    return this.#socket?.extensions ?? "";
  }

  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }

  set binaryType(type: "blob" | "arraybuffer") {
    this.#binaryType = type;
    if (this.#socket !== undefined) this.#socket.binaryType = type;
  }

  /** @throws DOMException `InvalidStateError` while it is connecting. */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    if (this.#socket === undefined && this.#state === 0)
      throw new DOMException("still connecting", "InvalidStateError");
    this.#socket?.send(data);
  }

  close(code?: number, reason?: string): void {
    if (this.#socket !== undefined) this.#socket.close(code, reason);
    else if (this.#state === 0) {
      clearTimeout(this.#timer);
      this.#state = 2;
      // As WebSocket's own: a later turn hears of it.
      setTimeout(() => {
        this.#state = 3;
        tell(this, "error");
        tell(this, "close", { code: 1006, reason: "", wasClean: false });
      });
    }
  }

  /** Waits by the clock, since timers may stand still or be too early. */
  #wait(appointment: Appointment, more: readonly unknown[]): void {
    const inMs = appointment.dueAt - Date.now();
    if (inMs > appointment.waitMs) setDue(appointment, appointment.waitMs);
    if (inMs <= 0) this.#connect(appointment, more);
    else
      this.#timer = setTimeout(
        () => {
          try {
            this.#wait(appointment, more);
          } catch {
            // What the platform's would have thrown, had it been made at once.
            this.close();
          }
        },
        Math.min(inMs, appointment.waitMs),
      );
  }

  #connect(appointment: Appointment, more: readonly unknown[]): void {
    const Socket = WebSocket as new (
      url: string,
      ...more: unknown[]
    ) => WebSocket;
    const socket = (this.#socket = new Socket(this.url, ...more));
    socket.binaryType = this.#binaryType;
    let hasOpened = false;
    socket.addEventListener("open", () => {
      hasOpened = true;
      appointment.failures = 0;
      tell(this, "open");
    });
    socket.addEventListener("message", ({ data }: { data: unknown }) =>
      this.dispatchEvent(new MessageEvent("message", { data })),
    );
    socket.addEventListener("error", () => tell(this, "error"));
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      const inMs = appointmentOf({ code, reason });
      if (inMs !== undefined) setDue(appointment, inMs);
      else if (!hasOpened)
        setDue(
          appointment,
          Math.random() *
            longestBackOffMs(
              appointment.failures++,
              FIRST_BACK_OFF_MS,
              LONGEST_BACK_OFF_MS,
            ),
        );
      tell(this, "close", { code, reason, wasClean });
    });
  }
}
