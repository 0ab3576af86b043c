/**
 * One client connection of the load: a raw socket, a prebuilt script, and the
 * verification of everything that comes back.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { opcodes } from "./frames.ts";
import type { Target } from "./plan.ts";
import {
  type ControlHandler,
  type ReplyReader,
  ReplyStream,
} from "./reply-stream.ts";
import type { Script } from "./script.ts";
import { masked, wires, type Greeting, type WireFormat } from "./wires.ts";

/** What a load does with its clients' facts. */
export interface ClientEvents {
  /** The connection is open and may send. */
  opened(client: Client): void;
  /** `count` whole replies arrived and were right. */
  replied(client: Client, count: number): void;
  /** The server sent a close frame; it has been answered. */
  closeFrame?(client: Client, code: number): void;
  /** TCP has ended, for whatever reason. */
  ended(client: Client, error: Error | undefined): void;
}

/** All plain sockets read into this one buffer: nothing read is kept. */
const readBuffer = Buffer.allocUnsafeSlow(262_144);
const normalClosure = 1000;
const noStatus = 1005;

/** A connection to the server under test. */
export class Client {
  /** Its place among the load's connections. */
  readonly index: number;
  readonly #script: Script;
  readonly #wire: WireFormat;
  readonly #events: ClientEvents;
  readonly #replies: ReplyReader;
  readonly #socket: Socket;
  #greeting: Greeting | undefined;
  #closing = false;
  #error: Error | undefined;

  /**
   * Starts to connect.
   *
   * @param target - Where to.
   * @param script - What is sent, and what must come back.
   * @param index - Its place among the load's connections.
   * @param events - Told of everything that happens.
   */
  static connect(
    target: Target,
    script: Script,
    index: number,
    events: ClientEvents,
  ): Client {
    return new Client(target, script, index, events);
  }

  private constructor(
    target: Target,
    script: Script,
    index: number,
    events: ClientEvents,
  ) {
    this.index = index;
    this.#script = script;
    this.#events = events;
    this.#wire = wires[target.wire];
    this.#greeting = this.#wire.greeting();
    const onControl: ControlHandler = (opcode, payload) =>
      this.#onControl(opcode, payload);
    this.#replies =
      this.#wire.readReplies?.(script.payload, index, onControl) ??
      new ReplyStream(script.replies, script.replyBytes, onControl);
    this.#socket = this.#connect(target);
    this.#socket.once(target.tls ? "secureConnect" : "connect", () => {
      const hello = this.#wire.hello(target);
      if (hello === undefined) this.#opened();
      else this.#socket.write(hello);
    });
    this.#socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#socket.once("close", () => events.ended(this, this.#error));
  }

  /** Sends `count` messages in one write. */
  send(count: number): void {
    const batch = this.#script.batches[count];
    if (batch !== undefined) this.#socket.write(batch);
  }

  /** Sends the same bytes, again and again, as fast as the server takes them. */
  flood(bytes: Buffer): void {
    this.#socket.write(bytes, (error) => {
      if (error === undefined || error === null) this.flood(bytes);
    });
  }

  /** Starts the closing handshake, or ends TCP where there is none. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const frame = this.#wire.close(normalClosure);
    if (frame === undefined) this.#socket.end();
    else this.#socket.write(frame);
  }

  #connect(target: Target): Socket {
    const where = { host: "127.0.0.1", port: target.port };
    if (target.tls) {
      // The certificate is made for this run and signed by nobody.
      const socket = connectTls({ ...where, rejectUnauthorized: false });
      socket.setNoDelay(true);
      socket.on("data", (chunk: Buffer) => this.#onBytes(chunk));
      return socket;
    }
    return connectTcp({
      ...where,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          this.#onBytes(readBuffer.subarray(0, length));
          return true;
        },
      },
    });
  }

  #onBytes(bytes: Buffer): void {
    try {
      let rest: Buffer | undefined = bytes;
      if (this.#greeting !== undefined) {
        rest = this.#greeting.feed(bytes, (answer) => {
          this.#socket.write(answer);
        });
        if (rest === undefined) return;
        this.#opened();
        if (rest.length === 0) return;
      }
      const count = this.#replies.feed(rest);
      if (count > 0) this.#events.replied(this, count);
    } catch (error) {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
      this.#socket.destroy();
    }
  }

  #opened(): void {
    this.#greeting = undefined;
    this.#events.opened(this);
  }

  #onControl(opcode: number, payload: Buffer): void {
    switch (opcode) {
      case opcodes.ping:
        this.#socket.write(masked(opcodes.pong, payload));
        return;
      case opcodes.pong:
        return;
      case opcodes.close:
        this.#onCloseFrame(payload);
        return;
      default:
        throw new Error(`Unexpected opcode ${opcode}.`);
    }
  }

  #onCloseFrame(payload: Buffer): void {
    const code = payload.length < 2 ? noStatus : payload.readUInt16BE(0);
    if (!this.#closing) {
      this.#closing = true;
      this.#socket.write(masked(opcodes.close, payload.subarray(0, 2)));
    }
    this.#events.closeFrame?.(this, code);
  }
}
