/**
 * The three ways of speaking to a server under test: WebSocket, Socket.IO over
 * its websocket transport, and plain TCP. Each says how a connection is opened
 * and what its bytes look like.
 */
import { deflated, DeflatedReplies, jsonOf } from "./deflated-replies.ts";
import {
  clientFrame,
  compressedBit,
  opcodes,
  readServerFrame,
  serverFrame,
} from "./frames.ts";
import type { Target, Wire } from "./plan.ts";
import type { ControlHandler, ReplyReader } from "./reply-stream.ts";

/** Opening one connection: takes what the server sends until it is open. */
export interface Greeting {
  /**
   * Takes the next bytes from the server.
   *
   * @param chunk - Not kept.
   * @param write - Sends an answer that opening the connection needs.
   * @returns The bytes that follow the greeting, or undefined while it lasts.
   * @throws Error when the server refuses.
   */
  feed(chunk: Buffer, write: (bytes: Buffer) => void): Buffer | undefined;
}

/** How a wire builds its bytes. */
export interface WireFormat {
  /** What the client sends first; undefined: nothing, and it is open at once. */
  hello(target: Target): Buffer | undefined;
  greeting(): Greeting;
  /** A message from the client. */
  message(payload: Buffer): Buffer;
  /** The same message coming back. */
  reply(payload: Buffer): Buffer;
  /** What messages are made of, where that is not any bytes. */
  payloadOf?(bytes: number, variant: number): Buffer;
  /** Reads what comes back, where it is not the same bytes every time. */
  readReplies?(
    payload: Buffer,
    index: number,
    onControl: ControlHandler,
  ): ReplyReader;
  /** What starts a closing handshake; undefined: TCP is ended instead. */
  close(code: number): Buffer | undefined;
}

/** Every mask does the same work; this one is as random as any. */
const mask = Buffer.from([0x9d, 0x21, 0x5e, 0xb3]);
/** The example of RFC 6455, section 1.3, and what the server must make of it. */
const key = "dGhlIHNhbXBsZSBub25jZQ==";
const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A masked frame with a payload of text or bytes. */
export function masked(opcode: number, payload: string | Uint8Array): Buffer {
  return clientFrame(opcode, Buffer.from(payload), mask);
}

function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return masked(opcodes.close, payload);
}

function upgradeRequest(target: Target): Buffer {
  const extensions =
    target.wire === "deflate"
      ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
      : "";
  return Buffer.from(
    `GET ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n` +
      "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${extensions}\r\n`,
  );
}

/** Reads the answer to an upgrade request. */
class UpgradeGreeting implements Greeting {
  #received: Buffer | undefined;

  feed(chunk: Buffer): Buffer | undefined {
    const bytes =
      this.#received === undefined
        ? chunk
        : Buffer.concat([this.#received, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      this.#received = Buffer.from(bytes);
      return undefined;
    }
    const head = bytes.toString("latin1", 0, end);
    this.check(head);
    return bytes.subarray(end + 4);
  }

  protected check(head: string): void {
    if (!head.startsWith("HTTP/1.1 101 ") || !head.includes(accept)) {
      throw new Error(
        `The server refused to upgrade: ${head.split("\r\n")[0]}`,
      );
    }
  }
}

/** The same, where compression has to be agreed on. */
class DeflateGreeting extends UpgradeGreeting {
  protected override check(head: string): void {
    super.check(head);
    if (!/^sec-websocket-extensions: *permessage-deflate/im.test(head))
      throw new Error("The server did not agree to compression.");
  }
}

/**
 * After the upgrade, Engine.IO's open packet (`0{…}`) must be answered with
 * Socket.IO's connect packet (`40`), which the server confirms (`40{…}`).
 */
class SocketIoGreeting implements Greeting {
  readonly #upgrade = new UpgradeGreeting();
  #upgraded = false;
  #received = Buffer.alloc(0);

  feed(chunk: Buffer, write: (bytes: Buffer) => void): Buffer | undefined {
    const bytes = this.#upgraded ? chunk : this.#upgrade.feed(chunk);
    if (bytes === undefined) return undefined;
    this.#upgraded = true;
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const frame = readServerFrame(this.#received, 0);
      if (frame === undefined) return undefined;
      const packet = frame.payload.toString();
      this.#received = this.#received.subarray(frame.end);
      if (packet.startsWith("40")) return this.#received;
      if (!packet.startsWith("0")) {
        throw new Error(`Unexpected packet while connecting: ${packet}`);
      }
      write(masked(opcodes.text, "40"));
    }
  }
}

const websocket: WireFormat = {
  hello: upgradeRequest,
  greeting: () => new UpgradeGreeting(),
  message: (payload) => masked(opcodes.binary, payload),
  reply: (payload) => serverFrame(opcodes.binary, payload),
  close: closeFrame,
};

/** As browsers offer it; each message is JSON, compressed by itself. */
const deflate: WireFormat = {
  ...websocket,
  greeting: () => new DeflateGreeting(),
  message: (payload) => masked(opcodes.text | compressedBit, deflated(payload)),
  payloadOf: jsonOf,
  readReplies: (payload, index, onControl) =>
    new DeflatedReplies(payload, index, onControl),
};

/** The event `m` with one string; the payload's bytes are shown as text. */
function eventPacket(payload: Buffer): Buffer {
  return Buffer.from(`42["m","${textOfLength(payload)}"]`);
}

/** Text with as many bytes as the payload, and as distinct. */
function textOfLength(payload: Buffer): string {
  return payload.toString("base64url").slice(0, payload.length);
}

const socketIo: WireFormat = {
  hello: upgradeRequest,
  greeting: () => new SocketIoGreeting(),
  message: (payload) => masked(opcodes.text, eventPacket(payload)),
  reply: (payload) => serverFrame(opcodes.text, eventPacket(payload)),
  close: closeFrame,
};

const raw: WireFormat = {
  hello: () => undefined,
  greeting: () => ({ feed: (chunk) => chunk }),
  message: (payload) => payload,
  reply: (payload) => payload,
  close: () => undefined,
};

/** The formats by name. */
export const wires: Readonly<Record<Wire, WireFormat>> = {
  websocket,
  deflate,
  "socket.io": socketIo,
  raw,
};
