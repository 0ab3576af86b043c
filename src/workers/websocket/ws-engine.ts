// oxlint-disable-next-line import/no-unassigned-import -- it has to come before ws
import "./no-native-addon.ts";
import { sayForeign } from "../../foreign-value.ts";
import type { Writable } from "node:stream";
import * as ws from "ws";
import { CLOSE_CODE } from "../../rfc6455.ts";

/**
 * The protocol engine: `ws`, one level below its `WebSocket` class. Sluice uses
 * its Receiver (framing, masking, fragmentation, UTF-8, limits), its
 * permessage-deflate and, for compressed connections, its Sender; the lifecycle
 * that the `WebSocket` class keeps in fields belongs to the machine here. `ws`
 * exports these classes without documenting them, so everything that is
 * assumed of them stands in this file.
 */

/** Emits `message(data, isBinary)`, `ping(data)`, `pong(data)`, `conclude(code, reason)`, `error`. */
export interface Receiver extends Writable {
  on(
    event: "message",
    listener: (data: Buffer, isBinary: boolean) => void,
  ): this;
  on(event: "ping" | "pong", listener: (data: Buffer) => void): this;
  on(event: "conclude", listener: (code: number, reason: Buffer) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "drain", listener: () => void): this;
}

interface DeflateOffer {
  [parameter: string]: unknown;
}

type Inflated = (error: Error | null, result?: Buffer) => void;

interface Deflate {
  accept(offers: DeflateOffer[]): DeflateOffer;
  decompress(data: Buffer, fin: boolean, callback: Inflated): void;
  cleanup(): void;
}

export type Extensions = Record<string, Deflate>;

/** What the Sender writes frames to. */
interface FrameSink {
  readonly destroyed: boolean;
  cork(): void;
  uncork(): void;
  write(frame: Buffer | string, callback?: () => void): boolean;
}

interface Sender {
  send(
    data: Buffer | string,
    options: {
      binary: boolean;
      compress: boolean;
      fin: boolean;
      mask: boolean;
    },
    callback?: (error?: Error) => void,
  ): void;
  readonly _bufferedBytes: number;
  readonly _state: number;
  readonly _queue: readonly unknown[];
}

interface Engine {
  Receiver: new (options: {
    isServer: true;
    maxPayload: number;
    maxFragments: number;
    maxBufferedChunks: number;
    extensions: Extensions;
  }) => Receiver;
  Sender: new (sink: FrameSink, extensions: Extensions) => Sender;
  PerMessageDeflate: {
    new (options: {
      isServer: true;
      maxPayload: number;
      threshold: number;
    }): Deflate;
    readonly extensionName: string;
  };
  extension: {
    parse(header: string): Record<string, DeflateOffer[]>;
    format(accepted: Record<string, DeflateOffer[]>): string;
  };
}

// The published types leave these exports out.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const engine = ws as unknown as Engine;

/** Compression of a message shorter than this makes it longer, as a rule. */
const COMPRESSION_THRESHOLD_BYTES = 1024;

/** Fragments of fewer bytes than this on average are an attack on memory, not a way to send. */
const SMALLEST_FAIR_FRAGMENT_BYTES = 64;

/**
 * A receiver for one connection.
 *
 * @param maxPayloadBytes - Limit of a message, all its fragments together.
 */
export function createReceiver(
  maxPayloadBytes: number,
  extensions: Extensions,
): Receiver {
  const maxParts = Math.max(
    1024,
    Math.ceil(maxPayloadBytes / SMALLEST_FAIR_FRAGMENT_BYTES),
  );
  return new engine.Receiver({
    isServer: true,
    maxPayload: maxPayloadBytes,
    maxFragments: maxParts,
    maxBufferedChunks: maxParts,
    extensions,
  });
}

/** State of a receiver that waits for a frame's first byte. */
const GET_INFO = 0;

/** Whether a receiver stands between two messages, with nothing in its hands: what comes then may be read by somebody else, and another one can go on in its place. */
export function isBetweenMessages(receiver: object): boolean {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inside = receiver as ReceiverInside;
  return (
    inside._state === GET_INFO &&
    inside._bufferedBytes === 0 &&
    inside._fragmented === 0 &&
    !inside._loop &&
    !inside._errored &&
    inside.writableLength === 0
  );
}

/** The close code that an error of the receiver calls for (RFC 6455, 7.4.1). */
export function closeCodeOf(error: Error): number {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  switch (code) {
    case "WS_ERR_INVALID_UTF8":
      return CLOSE_CODE.invalidPayload;
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
      return CLOSE_CODE.messageTooBig;
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return CLOSE_CODE.policyViolation;
    default:
      return code.startsWith("Z_")
        ? CLOSE_CODE.invalidPayload
        : CLOSE_CODE.protocolError;
  }
}

/**
 * Not freed while it inflates: `ws` looks, when zlib calls back, at what
 * `cleanup` has taken away by then, and throws where nobody can catch it.
 */
class CarefulDeflate extends engine.PerMessageDeflate {
  #inflating = 0;
  #isAbandoned = false;

  override decompress(data: Buffer, fin: boolean, callback: Inflated): void {
    this.#inflating++;
    super.decompress(data, fin, (error, result) => {
      this.#inflating--;
      if (this.#isAbandoned) this.cleanup();
      else callback(error, result);
    });
  }

  override cleanup(): void {
    this.#isAbandoned = true;
    if (this.#inflating === 0) super.cleanup();
  }
}

/**
 * Negotiates permessage-deflate (RFC 7692).
 *
 * @param offered - The Sec-WebSocket-Extensions header.
 * @returns the extensions in force and the header that says so; nothing when
 *   the client does not offer it
 * @throws Error when the offer is malformed
 */
export function negotiateCompression(
  offered: string,
  maxPayloadBytes: number,
): { extensions: Extensions; header: string } | undefined {
  const { extensionName } = engine.PerMessageDeflate;
  const offers = engine.extension.parse(offered)[extensionName];
  if (offers === undefined) return undefined;
  const deflate = new CarefulDeflate({
    isServer: true,
    maxPayload: maxPayloadBytes,
    threshold: COMPRESSION_THRESHOLD_BYTES,
  });
  const accepted = deflate.accept(offers);
  return {
    extensions: { [extensionName]: deflate },
    header: engine.extension.format({ [extensionName]: [accepted] }),
  };
}

/** Compresses messages, in order; what is ready goes to `write` as whole frames. */
export interface Compressor {
  send(data: Buffer | string, isBinary: boolean): void;
  /** Bytes given and not yet passed on. */
  readonly bufferedBytes: number;
  /** Nothing is under way. */
  readonly isIdle: boolean;
  close(): void;
}

/**
 * A sender for a connection with compression. Compression is asynchronous, so
 * frames appear later than `send`; `onReady` follows each one.
 */
export function createCompressor(
  extensions: Extensions,
  sink: { readonly destroyed: boolean; write(bytes: Buffer): void },
  onReady: () => void,
): Compressor {
  let isClosed = false;
  const sender = new engine.Sender(
    {
      // Closed while it compresses, it would go on with what it has not got.
      get destroyed() {
        return isClosed || sink.destroyed;
      },
      cork() {},
      uncork() {},
      write(frame, callback) {
        sink.write(typeof frame === "string" ? Buffer.from(frame) : frame);
        callback?.();
        return true;
      },
    },
    extensions,
  );
  // A message is passed on before the next in the queue is taken.
  const isIdle = (): boolean =>
    sender._state === 0 && sender._queue.length === 0;
  return {
    send(data, isBinary) {
      sender.send(
        data,
        { binary: isBinary, compress: true, fin: true, mask: false },
        (error) => {
          if (error === undefined) onReady();
        },
      );
    },
    get bufferedBytes() {
      // An empty message has no bytes, and is under way all the same.
      return sender._bufferedBytes + (isIdle() ? 0 : 1);
    },
    get isIdle() {
      return isIdle();
    },
    close() {
      isClosed = true;
      for (const deflate of Object.values(extensions)) deflate.cleanup();
    },
  };
}

interface ReceiverInside {
  readonly _state: number;
  readonly _bufferedBytes: number;
  /** Opcode of the fragmented message under way, or 0. */
  readonly _fragmented: number;
  readonly _loop: boolean;
  readonly _errored: boolean;
  readonly writableLength: number;
}

/** The receiver as far as {@link checkReceiver} uses it. */
interface CheckedReceiver {
  on(event: "error", listener: () => void): unknown;
  write(chunk: Buffer): boolean;
}

/**
 * Feeds a receiver of the protocol engine one message and a half, in two
 * fragments, and holds its private fields against what is known of it.
 *
 * @param create - Makes a receiver for frames of a client.
 * @returns why its position cannot be told, in one sentence; `undefined` when
 *   it can
 */
export function checkReceiver(
  create: () => CheckedReceiver,
): string | undefined {
  try {
    const receiver = create();
    // Its complaint would come later than the answer, and is in the answer.
    receiver.on("error", () => {});
    const isBetween = (): boolean => isBetweenMessages(receiver);
    expect(isBetween(), "a fresh receiver is not between messages");
    // RFC 6455, 5.2: FIN + text, masked with zeros, "a".
    const whole = [0x81, 0x81, 0, 0, 0, 0, 0x61];
    const firstPart = [0x01, ...whole.slice(1)];
    const lastPart = [0x80, ...whole.slice(1)];
    receiver.write(Buffer.from(whole));
    expect(isBetween(), "after a message it is not between messages");
    for (let cut = 1; cut < whole.length; cut++) {
      receiver.write(Buffer.from(whole.slice(0, cut)));
      expect(!isBetween(), `after ${cut} bytes of a frame it is not within it`);
      receiver.write(Buffer.from(whole.slice(cut)));
      expect(isBetween(), "after the rest of a frame it is still within it");
    }
    receiver.write(Buffer.from(firstPart));
    expect(!isBetween(), "after a first fragment it is not within a message");
    receiver.write(Buffer.from(lastPart));
    expect(isBetween(), "after the last fragment it is still in a message");
    return undefined;
  } catch (error) {
    return `the receiver of this ws is not as expected: ${sayForeign(error)}`;
  }
}

function expect(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}
