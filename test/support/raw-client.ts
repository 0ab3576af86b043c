import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import {
  closeFrame,
  type Frame,
  frame,
  FrameReader,
  OPCODE,
  readClose,
} from "../../src/testing/frame-codec.ts";
import { within } from "./within.ts";

/** A fixed key and the answer to it, so that responses can be compared byte for byte (RFC 6455, 1.3). */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** An HTTP response, cut into its parts. */
export interface Response {
  status: number;
  statusLine: string;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: string;
  /** All of it, as it came. */
  raw: string;
}

/** How the TCP connection ended: properly, or with an error such as `ECONNRESET`. */
export interface SocketEnd {
  errorCode: string | undefined;
}

export interface ClientOptions {
  host?: string;
  /** The client's own. */
  localAddress?: string;
  /** Stays until the test is over, unless the test ends it; `false` where thousands are made. */
  isCleanedUp?: boolean;
  allowHalfOpen?: boolean;
}

/** The text of an upgrade request, with headers added, replaced or (`undefined`) left out. */
export function upgradeRequest(
  path = "/echo",
  headers: Record<string, string | undefined> = {},
): string {
  const all = {
    Host: "sluice.test",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/**
 * A client on a bare socket: what it writes and reads are bytes, so it can
 * break every rule. It answers nothing by itself, not even a ping.
 */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when TCP has ended, whoever ended it. */
  readonly ended: Promise<SocketEnd>;
  /** The peer has ended its side (FIN), or the socket is gone. */
  readonly peerEnded: Promise<void>;
  /** All bytes that ever came, but for what `onFrame` took. */
  received: Buffer[] = [];
  /** Takes the frames instead of `next()` and its likes. */
  onFrame: ((frame: Frame) => void) | undefined;
  #head: Buffer = Buffer.alloc(0);
  #reader: FrameReader | undefined;
  #frames: Frame[] = [];
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(socket: Socket) {
    this.socket = socket;
    let errorCode: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      errorCode = error.code ?? error.message;
    });
    this.ended = new Promise((resolve) => {
      socket.on("close", () => resolve({ errorCode }));
    });
    this.peerEnded = new Promise((resolve) => {
      const over = (): void => {
        this.#isOver = true;
        this.#wake?.();
        resolve();
      };
      socket.on("end", over);
      socket.on("close", over);
    });
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** Connects, and writes nothing yet. */
  static async connect(
    port: number,
    {
      host = "127.0.0.1",
      localAddress,
      isCleanedUp = true,
      allowHalfOpen = false,
    }: ClientOptions = {},
  ): Promise<RawClient> {
    const socket = connectTcp({
      port,
      host,
      allowHalfOpen,
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    if (isCleanedUp) onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    await within("the connection", once(socket, "connect"));
    return client;
  }

  /** Connects and upgrades; fails unless the answer is 101. */
  static async open(
    port: number,
    path = "/echo",
    headers: Record<string, string | undefined> = {},
    options: ClientOptions = {},
  ): Promise<RawClient> {
    const client = await RawClient.connect(port, options);
    const response = await client.upgrade(path, headers);
    if (response.status !== 101)
      throw new Error(`expected a 101, got ${response.raw}`);
    return client;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(
      typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes,
    );
  }

  /** Sends an upgrade request and reads the response. */
  async upgrade(
    path = "/echo",
    headers: Record<string, string | undefined> = {},
  ): Promise<Response> {
    this.write(upgradeRequest(path, headers));
    return await this.response();
  }

  /** Reads one HTTP response; after a 101, what follows are frames. */
  async response(patienceMs?: number): Promise<Response> {
    return await within("an HTTP response", this.#response(), patienceMs);
  }

  send(payload: string | Uint8Array): void {
    const opcode = typeof payload === "string" ? OPCODE.text : OPCODE.binary;
    this.write(frame(opcode, payload));
  }

  sendClose(code = 1000, reason = ""): void {
    this.write(closeFrame(code, reason));
  }

  /** The next frame of whatever kind; undefined when TCP ends before one. */
  async next(patienceMs?: number): Promise<Frame | undefined> {
    return await within("a frame", this.#next(), patienceMs);
  }

  /** The next data frame's payload as text; fails when something else comes. */
  async message(patienceMs?: number): Promise<string> {
    const next = await this.next(patienceMs);
    if (next === undefined) throw new Error("TCP ended, expected a message");
    if (next.opcode !== OPCODE.text && next.opcode !== OPCODE.binary)
      throw new Error(
        `expected a message, got opcode ${next.opcode}: ${next.payload.toString("latin1")}`,
      );
    return next.payload.toString();
  }

  /** Skips everything up to the close frame and tells what it says. */
  async closeFrame(
    patienceMs?: number,
  ): Promise<{ code: number; reason: string }> {
    for (;;) {
      const next = await this.next(patienceMs);
      if (next === undefined)
        throw new Error("TCP ended without a close frame");
      if (next.opcode === OPCODE.close) return readClose(next);
    }
  }

  /** Reads the server's close frame, answers it, and waits for the end of TCP. */
  async closed(): Promise<{ code: number; reason: string }> {
    const close = await this.closeFrame();
    this.sendClose(close.code === 1005 ? 1000 : close.code);
    await within("the end of TCP", this.ended);
    return close;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Ends TCP with a reset instead of a FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #take(chunk: Buffer): void {
    if (this.#reader === undefined) {
      this.received.push(chunk);
      this.#head = Buffer.concat([this.#head, chunk]);
    } else {
      if (this.onFrame === undefined) this.received.push(chunk);
      this.#hand(this.#reader.push(chunk));
    }
    this.#wake?.();
  }

  #hand(frames: readonly Frame[]): void {
    if (this.onFrame === undefined) this.#frames.push(...frames);
    else for (const next of frames) this.onFrame(next);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #next(): Promise<Frame | undefined> {
    for (;;) {
      const next = this.#frames.shift();
      if (next !== undefined || this.#isOver) return next;
      await this.#change();
    }
  }

  async #response(): Promise<Response> {
    for (;;) {
      const response = this.#takeResponse();
      if (response !== undefined) return response;
      if (this.#isOver)
        throw new Error(
          `TCP ended, expected a response; got ${JSON.stringify(this.#head.toString("latin1"))}`,
        );
      await this.#change();
    }
  }

  #takeResponse(): Response | undefined {
    const headEnd = this.#head.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const [statusLine = "", ...lines] = this.#head
      .subarray(0, headEnd)
      .toString("latin1")
      .split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [
          line.slice(0, colon).toLowerCase(),
          line.slice(colon + 1).trim(),
        ];
      }),
    );
    const length = Number(headers["content-length"] ?? 0);
    const end = headEnd + 4 + length;
    if (this.#head.length < end) return undefined;
    const status = Number(statusLine.split(" ")[1]);
    const raw = this.#head.subarray(0, end).toString("latin1");
    const body = this.#head.subarray(headEnd + 4, end).toString();
    const rest = this.#head.subarray(end);
    this.#head = rest;
    if (status === 101) {
      this.#reader = new FrameReader();
      this.#hand(this.#reader.push(rest));
    }
    return { status, statusLine, headers, body, raw };
  }
}
