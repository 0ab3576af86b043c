// oxlint-disable-next-line import/no-unassigned-import -- it has to come before ws
import "./no-native-addon.ts";
import * as ws from "ws";
import { CLOSE_CODE } from "../../rfc6455.ts";
import {
  type Compressor,
  COMPRESSION_THRESHOLD_BYTES,
  type Inflater,
} from "./compression.ts";

/**
 * Compression: that of `ws`, one level below its `WebSocket` class. Sluice uses
 * its permessage-deflate to negotiate and, for connections that keep a window,
 * to inflate, and its Sender. `ws` exports these classes without documenting
 * them, so everything that is assumed of them stands in this file.
 */

interface DeflateOffer {
  [parameter: string]: unknown;
}

type OnInflated = (error: Error | null, result?: Buffer) => void;

interface Deflate {
  accept(offers: DeflateOffer[]): DeflateOffer;
  decompress(data: Buffer, fin: boolean, callback: OnInflated): void;
  cleanup(): void;
}

type Extensions = Record<string, Deflate>;

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
  Sender: new (sink: FrameSink, extensions: Extensions) => Sender;
  PerMessageDeflate: {
    new (options: {
      isServer: true;
      maxPayload: number;
      threshold: number;
      serverNoContextTakeover: true | undefined;
      clientNoContextTakeover: true | undefined;
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

/** The close code for what cannot be decompressed (RFC 6455, 7.4.1). */
function closeCodeOf(error: NodeJS.ErrnoException | null): number {
  const code = error?.code;
  return code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"
    ? CLOSE_CODE.messageTooBig
    : CLOSE_CODE.invalidPayload;
}

/**
 * Not freed while it inflates: `ws` looks, when zlib calls back, at what
 * `cleanup` has taken away by then, and throws where nobody can catch it.
 */
class CarefulDeflate extends engine.PerMessageDeflate {
  #inflating = 0;
  #isAbandoned = false;

  override decompress(data: Buffer, fin: boolean, callback: OnInflated): void {
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

/** How a connection's messages are compressed. */
export type CompressionAgreement =
  /** Each message begins anew, on both sides (RFC 7692, 7.1.1). */
  | { readonly kind: "anew"; readonly windowBits: number }
  /** What was said before is kept and referred to, on one side at least. */
  | { readonly kind: "kept"; readonly extensions: Extensions };

/** The largest window, which both sides have unless they agree otherwise (RFC 7692, 7.1.2). */
const MOST_WINDOW_BITS = 15;
/** zlib cannot keep to a smaller one. */
const FEWEST_WINDOW_BITS = 9;

/**
 * Negotiates permessage-deflate (RFC 7692).
 *
 * @param offered - The Sec-WebSocket-Extensions header.
 * @param keepsContext - Windows are kept between messages, unless the client
 *   does not want that.
 * @returns what was agreed, and the header that says so; nothing when the client
 *   does not offer it, or what cannot be kept to
 * @throws Error when the offer is malformed
 */
export function negotiateCompression(
  offered: string,
  maxPayloadBytes: number,
  keepsContext: boolean,
): { agreement: CompressionAgreement; header: string } | undefined {
  const { extensionName } = engine.PerMessageDeflate;
  const offers = engine.extension.parse(offered)[extensionName];
  if (offers === undefined) return undefined;
  const noTakeover = keepsContext ? undefined : true;
  const deflate = new CarefulDeflate({
    isServer: true,
    maxPayload: maxPayloadBytes,
    threshold: COMPRESSION_THRESHOLD_BYTES,
    serverNoContextTakeover: noTakeover,
    clientNoContextTakeover: noTakeover,
  });
  const accepted = deflate.accept(offers);
  const header = engine.extension.format({ [extensionName]: [accepted] });
  const isAnew =
    accepted["server_no_context_takeover"] === true &&
    accepted["client_no_context_takeover"] === true;
  if (!isAnew) {
    const extensions = { [extensionName]: deflate };
    return { agreement: { kind: "kept", extensions }, header };
  }
  const windowBits = accepted["server_max_window_bits"] ?? MOST_WINDOW_BITS;
  if (typeof windowBits !== "number" || windowBits < FEWEST_WINDOW_BITS)
    return undefined;
  return { agreement: { kind: "anew", windowBits }, header };
}

/** @param extensions - With permessage-deflate; freed with the compressor. */
export function createInflater(extensions: Extensions): Inflater {
  const deflate = extensions[engine.PerMessageDeflate.extensionName] as Deflate;
  return {
    inflate: (data, done) =>
      deflate.decompress(data, true, (error, message) =>
        done(message ?? closeCodeOf(error)),
      ),
  };
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
  // An empty message has no bytes, and is under way all the same.
  const bufferedBytes = (): number =>
    sender._bufferedBytes + (isIdle() ? 0 : 1);
  const send = (data: Buffer | string, isBinary: boolean): void =>
    sender.send(
      data,
      { binary: isBinary, compress: true, fin: true, mask: false },
      (error) => {
        if (error === undefined) onReady();
      },
    );
  return {
    send,
    // Every message depends on what this connection was sent before.
    deliver({ messages }) {
      for (const { payload, isBinary } of messages) send(payload, isBinary);
    },
    windowBits: null,
    get bufferedBytes() {
      return bufferedBytes();
    },
    get heldBytes() {
      return bufferedBytes();
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
