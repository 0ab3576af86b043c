/** What connections with permessage-deflate (RFC 7692) ask of whoever compresses for them. */

/** Compression of a message shorter than this makes it longer, as a rule. */
export const COMPRESSION_THRESHOLD_BYTES = 1024;

/** Of a message, and what is wrong with it where it cannot be inflated: the close code (RFC 6455, 7.4.1). */
export type Inflated = Buffer | number;

/** Decompresses messages, one at a time. */
export interface Inflater {
  /**
   * @param done - Gets the message, or what is wrong with it: before this
   *   returns, or later; never once the connection has ended.
   */
  inflate(data: Buffer, done: (inflated: Inflated) => void): void;
}

/** A message that is published, compressed once for all who are sent it. */
export interface Deflation {
  /** Of what was published, before it was compressed. */
  readonly length: number;
  /** Whole frames, once they are ready. */
  readonly frames: Buffer | null;
  /** Called when they are, if they are not. */
  whenReady(listener: () => void): void;
}

/** What is published: messages of one topic, behind each other. */
export interface Publication {
  readonly messages: Iterable<{
    readonly payload: Buffer;
    readonly isBinary: boolean;
  }>;
  /** @param windowBits - The window that the receiver has agreed to. */
  deflated(windowBits: number): Deflation;
}

/** Compresses messages, in order, and passes them on as whole frames. */
export interface Compressor {
  send(data: Buffer | string, isBinary: boolean): void;
  deliver(publication: Publication): void;
  /**
   * The window for what it sends, where each message begins anew on both sides:
   * it can go on elsewhere. `null` where the window is its own and stays.
   */
  readonly windowBits: number | null;
  /** Bytes given and not yet passed on. */
  readonly bufferedBytes: number;
  /** What is kept in memory for this connection alone. */
  readonly heldBytes: number;
  /** Nothing is under way. */
  readonly isIdle: boolean;
  close(): void;
}
