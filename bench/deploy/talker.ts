/** A client that keeps sending numbered messages, and comes back when it was sent away. */
import { connect, type Socket } from "node:net";
import { opcodes, readServerFrame, type ServerFrame } from "../load/frames.ts";
import type { Wire } from "../load/plan.ts";
import { masked, wires } from "../load/wires.ts";
import type { Meter } from "./meter.ts";
import type { Tally } from "./tally.ts";

/** Socket.IO's client: the first wait is this, each further one twice as long, up to the longest. */
const BACK_OFF_MS = 1_000;
const LONGEST_BACK_OFF_MS = 5_000;
/** So much of it is up to chance, either way. */
const BACK_OFF_SPREAD = 0.5;
/** RFC 6455, 7.4.1: there was no close frame. */
const ABNORMAL = 1006;

/** How all clients of a run behave. */
export interface Habits {
  readonly port: number;
  readonly wire: Wire;
  readonly path: string;
  /** Between two messages; `undefined`: it says nothing. */
  readonly intervalMs: number | undefined;
}

interface Sent {
  readonly number: number;
  readonly at: number;
  readonly meter: Meter | undefined;
}

export class Talker {
  readonly #index: number;
  readonly #habits: Habits;
  readonly #tally: Tally;
  #socket: Socket | undefined;
  #isOpen = false;
  #isOver = false;
  #isSilent = false;
  #attempts = 0;
  #sent = 0;
  /** Not answered yet, the oldest first. */
  #waiting: Sent[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #closeCode: number | undefined;
  #retryAfterMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onOpen: (() => void) | undefined;

  constructor(index: number, habits: Habits, tally: Tally) {
    this.#index = index;
    this.#habits = habits;
    this.#tally = tally;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Messages without an answer, so far. */
  get owed(): number {
    return this.#waiting.length;
  }

  /** Connects, as often as it takes; resolves when it is open. */
  open(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onOpen = resolve;
    this.#connect();
    return promise;
  }

  fallSilent(): void {
    this.#isSilent = true;
    clearTimeout(this.#timer);
  }

  /** For good. */
  leave(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(): void {
    const { port, wire, path } = this.#habits;
    const format = wires[wire];
    const target = { port, wire, path, tls: false };
    const greeting = format.greeting();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    this.#rest = Buffer.alloc(0);
    this.#closeCode = undefined;
    this.#retryAfterMs = undefined;
    socket.on("error", () => {});
    socket.on("connect", () => socket.write(format.hello(target) ?? ""));
    socket.on("close", () => this.#ended());
    socket.on("data", (chunk: Buffer) => {
      if (this.#isOpen) return this.#read(chunk);
      try {
        const rest = greeting.feed(chunk, (bytes) => socket.write(bytes));
        if (rest !== undefined) this.#opened(rest);
      } catch {
        // Refused: it tries again, like after any failure.
        socket.destroy();
      }
      return undefined;
    });
  }

  #opened(rest: Buffer): void {
    this.#isOpen = true;
    this.#attempts = 0;
    this.#tally.opened();
    this.#onOpen?.();
    this.#onOpen = undefined;
    const { intervalMs } = this.#habits;
    if (intervalMs !== undefined)
      this.#timer = setTimeout(() => this.#talk(), Math.random() * intervalMs);
    this.#read(rest);
  }

  #talk(): void {
    const { intervalMs, wire } = this.#habits;
    if (!this.#isOpen || this.#isSilent || intervalMs === undefined) return;
    const number = this.#sent++;
    const text = String(number);
    const meter = this.#tally.meter;
    this.#waiting.push({ number, at: performance.now(), meter });
    this.#tally.sent++;
    this.#socket?.write(
      masked(opcodes.text, wire === "socket.io" ? `42["m","${text}"]` : text),
    );
    this.#timer = setTimeout(() => this.#talk(), intervalMs);
  }

  #read(chunk: Buffer): void {
    const bytes =
      this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const frame = readServerFrame(bytes, at);
      if (frame === undefined) break;
      at = frame.end;
      this.#take(frame);
    }
    this.#rest = bytes.subarray(at);
  }

  #take({ opcode, payload }: ServerFrame): void {
    switch (opcode) {
      case opcodes.text:
        return this.#hear(payload.toString());
      case opcodes.ping:
        return void this.#socket?.write(masked(opcodes.pong, payload));
      case opcodes.close: {
        this.#closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
        const told = /retry-after-ms=(\d+)/.exec(payload.toString("utf8", 2));
        if (told !== null) this.#retryAfterMs = Number(told[1]);
        return void this.#socket?.end(masked(opcodes.close, payload));
      }
      default:
        return undefined;
    }
  }

  #hear(text: string): void {
    const said = this.#habits.wire === "socket.io" ? /\d+(?="\]$)/ : /^\d+$/;
    const number = said.exec(text)?.[0];
    // Socket.IO's own ping has no number in it.
    if (number === undefined) return;
    const sent = this.#waiting.shift();
    if (sent === undefined || sent.number !== Number(number)) {
      this.#tally.wrong++;
      return;
    }
    this.#tally.answered++;
    const micros = (performance.now() - sent.at) * 1000;
    sent.meter?.record(this.#index, micros);
  }

  #ended(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    if (this.#isOpen) {
      this.#tally.closed(this.#closeCode ?? ABNORMAL, this.#waiting.length);
      this.#waiting = [];
      this.#isOpen = false;
    }
    const waitMs = this.#retryAfterMs ?? this.#backOff();
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }

  #backOff(): number {
    const longest = BACK_OFF_MS * 2 ** this.#attempts++;
    const spread = 1 + (Math.random() * 2 - 1) * BACK_OFF_SPREAD;
    return Math.min(LONGEST_BACK_OFF_MS, longest * spread);
  }
}
