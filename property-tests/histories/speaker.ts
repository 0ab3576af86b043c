import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import {
  type Frame,
  frame as wire,
  OPCODE,
  readClose,
} from "../../src/testing/frame-codec.ts";
import { RawClient } from "../../test/support/raw-client.ts";

/** RFC 6455, 7.4.1: there was no close frame. */
export const ABNORMAL = 1006;
const RETRY_MS = 20;
/** Later than this nobody comes back, whatever it was told: a history takes its time as it is. */
const LONGEST_RETRY_MS = 100;
/** RFC 7692, 7.2.2: what a sender leaves out at the end of a message. */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const COMPRESSED = 4;

/** Where a connection is handled. */
export interface Place {
  readonly pid: number;
  readonly shard: number;
  readonly thread: number;
  readonly version: string;
}

/** How a connection has ended. */
export interface End {
  /** Of the server's close frame, or 1006 where there was none. */
  readonly code: number;
  /** Where its last answer came from. */
  readonly place: Place | undefined;
  /** When that was seen, in milliseconds of the system's clock. */
  readonly at: number;
}

/** How all who speak in a history do. */
export interface Manners {
  readonly port: number;
  readonly isSecure: boolean;
  /** Between two messages. */
  readonly intervalMs: number;
}

/**
 * A client that keeps saying numbers, whatever has been answered, holds what
 * comes back against what it has said, and comes back when it was sent away.
 */
export class Speaker {
  readonly name: number;
  readonly isCompressed: boolean;
  /** Of one that compresses: with what it has said before, which cannot move. */
  readonly keepsWindow: boolean;
  /** Where its last answer came from. */
  place: Place | undefined;
  /** Of its connections, those that have ended, since somebody looked. */
  ends: End[] = [];
  readonly faults: string[] = [];
  opened = 0;
  said = 0;
  /** Of all its connections. */
  answered = 0;
  /** The certificate that it was shown last. */
  fingerprint: string | undefined;
  readonly #manners: Manners;
  #client: RawClient | undefined;
  #tcp: Socket | undefined;
  #isOpen = false;
  #isOver = false;
  /** Numbers on this connection that have no answer yet, the oldest first. */
  #owed: number[] = [];
  #heardHere = 0;
  /** The last that was published, by publisher. */
  readonly #news = new Map<number, number>();
  #closeCode: number | undefined;
  #retryMs = RETRY_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: number, manners: Manners, isCompressed: boolean) {
    this.name = name;
    this.#manners = manners;
    this.isCompressed = isCompressed;
    this.keepsWindow = isCompressed && name % 2 === 0;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get canMove(): boolean {
    return !this.keepsWindow && !this.#manners.isSecure;
  }

  /** Messages of this connection without an answer. */
  get owed(): number {
    return this.#owed.length;
  }

  /** The number that it will say next; answered, when the oldest that is owed is younger. */
  hasAnswerTo(number: number): boolean {
    const [oldest] = this.#owed;
    return (
      this.#isOpen &&
      this.said > number &&
      (oldest === undefined || oldest > number)
    );
  }

  /** The last number of a publisher that it has heard; -1 without any. */
  heardOf(publisher: number): number {
    return this.#news.get(publisher) ?? -1;
  }

  /** Connects, as often as it takes, and again whenever it has ended. */
  begin(): void {
    void this.#connect();
  }

  say(): void {
    if (!this.#isOpen) return;
    const number = this.said++;
    this.#owed.push(number);
    this.#speak(`say ${number}`);
  }

  #speak(text: string): void {
    if (!this.isCompressed || this.keepsWindow) this.#client?.send(text);
    else
      this.#client?.write(
        wire(OPCODE.text, deflated(text), { reserved: COMPRESSED }),
      );
  }

  /** Tells everyone a number. */
  tell(number: number): void {
    this.#client?.send(`tell ${this.name} ${number}`);
  }

  /** Its thread is to die. */
  crash(): void {
    this.#client?.send("crash");
  }

  /** Resets its connection, and comes back. */
  breakOff(): void {
    // TLS cannot reset, what it runs over can.
    this.#tcp?.resetAndDestroy();
  }

  /** For good: whatever ends now is no one's fault. */
  stay(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when its last connection has ended. */
  async leave(): Promise<void> {
    this.stay();
    const client = this.#client;
    client?.destroy();
    await client?.ended;
  }

  async #connect(): Promise<void> {
    try {
      await this.#open();
    } catch {
      // Nobody listens at the moment, or nobody answers.
      this.#client?.destroy();
      if (!this.#isOver)
        this.#timer = setTimeout(() => void this.#connect(), RETRY_MS);
    }
  }

  async #open(): Promise<void> {
    const { port, isSecure } = this.#manners;
    const tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#tcp = tcp;
    const socket = isSecure
      ? connectTls({ socket: tcp, rejectUnauthorized: false })
      : tcp;
    const client = new RawClient(socket);
    this.#client = client;
    await once(socket, isSecure ? "secureConnect" : "connect");
    if (isSecure)
      this.fingerprint = (
        socket as TLSSocket
      ).getPeerCertificate().fingerprint256;
    this.#owed = [];
    this.#heardHere = 0;
    this.#closeCode = undefined;
    this.#retryMs = RETRY_MS;
    client.onFrame = (frame) => this.#take(frame);
    const path = this.name % 3 === 0 ? "/slow" : "/";
    const { status } = await client.upgrade(
      path,
      this.isCompressed
        ? {
            "Sec-WebSocket-Extensions": this.keepsWindow
              ? "permessage-deflate; server_no_context_takeover"
              : "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
          }
        : {},
    );
    if (status !== 101) throw new Error(`refused with ${status}`);
    if (this.#isOver) return client.destroy();
    this.opened++;
    void client.ended.then(() => this.#ended());
    // It may have been sent away in the same breath.
    if (this.#closeCode !== undefined) return undefined;
    this.#isOpen = true;
    return this.#talk();
  }

  #talk(): void {
    this.say();
    this.#timer = setTimeout(() => this.#talk(), this.#manners.intervalMs);
  }

  #take(frame: Frame): void {
    switch (frame.opcode) {
      case OPCODE.text:
        return this.#hear(textOf(frame));
      case OPCODE.close: {
        const { code, reason } = readClose(frame);
        this.#closeCode = code;
        const told = /retry-after-ms=(\d+)/.exec(reason)?.[1];
        if (told !== undefined)
          this.#retryMs = Math.min(Number(told), LONGEST_RETRY_MS);
        this.#isOpen = false;
        clearTimeout(this.#timer);
        this.#client?.sendClose(code === 1005 ? 1000 : code);
        this.#client?.socket.end();
        return undefined;
      }
      case OPCODE.ping:
        return this.#client?.write(wire(OPCODE.pong, frame.payload));
      default:
        this.faults.push(
          `speaker ${this.name} got a frame with opcode ${frame.opcode}`,
        );
    }
  }

  #hear(text: string): void {
    const [kind, ...rest] = text.split(" ");
    if (kind === "heard") this.#check(rest);
    else if (kind === "news") this.#learn(rest.map(Number));
    else this.faults.push(`speaker ${this.name} heard "${text}"`);
  }

  #check(fields: readonly string[]): void {
    const [number, count, pid, shard, thread] = fields.map(Number);
    const meant = this.#owed.shift();
    this.#heardHere++;
    this.answered++;
    if (number !== meant || count !== this.#heardHere)
      this.faults.push(
        `speaker ${this.name}: answer ${this.#heardHere} of this connection should be to ${meant}; it was to ${number}, the ${count}th that was heard there`,
      );
    this.place = {
      pid: pid ?? 0,
      shard: shard ?? 0,
      thread: thread ?? 0,
      version: fields[5] ?? "",
    };
  }

  #learn([publisher = -1, number = -1]: readonly number[]): void {
    const last = this.heardOf(publisher);
    if (number <= last)
      this.faults.push(
        `speaker ${this.name} heard the news ${number} of ${publisher} after ${last}`,
      );
    this.#news.set(publisher, number);
  }

  #ended(): void {
    clearTimeout(this.#timer);
    this.#isOpen = false;
    const code = this.#closeCode ?? ABNORMAL;
    this.ends.push({ code, place: this.place, at: Date.now() });
    if (!this.#isOver)
      this.#timer = setTimeout(() => void this.#connect(), this.#retryMs);
  }
}

/** RFC 7692, 7.2.1. */
function deflated(text: string): Buffer {
  const finishFlush = constants.Z_SYNC_FLUSH;
  return deflateRawSync(text, { finishFlush }).subarray(0, -TAIL.length);
}

/** A compressed message begins anew, since nothing is kept between two of them. */
function textOf({ reserved, payload }: Frame): string {
  if (reserved !== COMPRESSED) return payload.toString();
  return inflateRawSync(Buffer.concat([payload, TAIL]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).toString();
}
