// oxlint-disable-next-line import/no-unassigned-import -- it has to come before ws
import "./no-native-addon.ts";
import * as ws from "ws";
import { CLOSE_CODE } from "../../rfc6455.ts";

/**
 * Compression: that of `ws`, one level below its `WebSocket` class. Sluice uses
 * its permessage-deflate and, for compressed connections, its Sender. `ws`
 * exports these classes without documenting them, so everything that is assumed
 * of them stands in this file.
 */

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

/** The close code for what cannot be decompressed (RFC 6455, 7.4.1). */
export function closeCodeOf(error: NodeJS.ErrnoException | null): number {
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

/** Decompresses messages, one at a time. */
export interface Inflater {
  /** @param done - Gets the message, or what is wrong with it; never once the connection has ended. */
  inflate(data: Buffer, done: Inflated): void;
}

/** @param extensions - With permessage-deflate; freed with the compressor. */
export function createInflater(extensions: Extensions): Inflater {
  const deflate = extensions[engine.PerMessageDeflate.extensionName] as Deflate;
  return {
    inflate: (data, done) => deflate.decompress(data, true, done),
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
