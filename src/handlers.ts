import type { Outcome } from "./machines/connection.ts";

/** What a connection asked for when it came. */
export interface ConnectionRequest {
  /** The request target as sent, such as `/chat/42?token=x`. */
  readonly url: string;
  /** The target without its query. */
  readonly path: string;
  /** Header fields; names in lower case, repeated ones joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The client's address; behind a trusted proxy, what the proxy says it is. */
  readonly remoteAddress: string;
  /** Subprotocols that the client offers, in its order of preference. */
  readonly subprotocols: readonly string[];
}

/**
 * What became of a message given to `send`: `sent` (go on), `congested` (taken,
 * but the peer reads slower than you write: wait for `drained()`), or `closed`
 * (not taken: our close frame is queued already, or the connection has ended).
 */
export type SendStatus = "sent" | "congested" | "closed";

/** One open WebSocket connection, as handlers see it. */
export interface Connection<Data = unknown> {
  /** Unique in this process. */
  readonly id: string;
  readonly request: ConnectionRequest;
  /** The negotiated subprotocol, or `""`. */
  readonly subprotocol: string;
  /** Yours: what `authorize` returned as `data`, to read and to replace. */
  data: Data;
  /** The state of its machine, such as `open.healthy` or `closing`. */
  readonly state: string;
  /** Bytes given to `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Fires when closing begins, whoever began it: a handler can stop its work. */
  readonly signal: AbortSignal;
  /**
   * Sends one message: text for a string, binary for bytes.
   *
   * The bytes must not be changed afterwards.
   *
   * @param data - The payload.
   * @param isBinary - Sends bytes as text when `false` (they must be UTF-8), a
   *   string as binary when `true`.
   * @throws SluiceError `ERR_SLUICE_MESSAGE` for anything but text or bytes.
   */
  send(
    data: string | ArrayBuffer | ArrayBufferView,
    isBinary?: boolean,
  ): SendStatus;
  /** Resolves when the connection is no longer congested, or has ended. */
  drained(): Promise<void>;
  /**
   * Starts closing: handlers in flight finish, then the close frame goes out.
   *
   * @param code - 1000 by default; 1000 to 1014 without 1004 to 1006, or 3000 to 4999 (RFC 6455, 7.4).
   * @param reason - At most 123 bytes of UTF-8 (RFC 6455, 5.5).
   * @throws SluiceError `ERR_SLUICE_CLOSE_CODE`, `ERR_SLUICE_CLOSE_REASON`.
   */
  close(code?: number, reason?: string): void;
}

/** How a connection ended, as told to `closed`. */
export interface ConnectionEnd {
  readonly outcome: Exclude<Outcome, "rejected" | "crashed">;
  /** The close code that ended it; 1005 when a close frame had none, 1006 when there was none (RFC 6455, 7.1.5). */
  readonly code: number;
  readonly reason: string;
}

/** The verdict of `authorize` on an upgrade. */
export type Authorization<Data> =
  | {
      readonly accept: true;
      readonly data?: Data;
      readonly subprotocol?: string;
    }
  | {
      readonly accept: false;
      /** HTTP status, 400 to 599. */
      readonly status: number;
      /** Plain text for the client. */
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

type Later<Value> = Value | Promise<Value>;

/**
 * The hooks of a service. All are optional, and each may be async. They run in
 * the worker threads: one instance of the module on each shard.
 */
export interface Handlers<Data = unknown> {
  /** Accepts (also by returning nothing) or refuses an upgrade. Bounded by the handshake deadline; `signal` fires when it is too late. */
  authorize?(
    request: ConnectionRequest,
    signal: AbortSignal,
  ): Later<Authorization<Data> | undefined | void>;
  /** The connection is open. */
  opened?(connection: Connection<Data>): Later<void>;
  /**
   * A message has come. At most `maxHandlersInFlight` of these run at once on a
   * connection; then reading pauses.
   */
  message?(
    connection: Connection<Data>,
    data: Buffer,
    isBinary: boolean,
  ): Later<void>;
  /** A shutdown or drain has reached the connection: say a last word. */
  draining?(connection: Connection<Data>): Later<void>;
  /** The connection has ended; nothing can be sent any more. */
  closed?(connection: Connection<Data>, end: ConnectionEnd): Later<void>;
}

/**
 * Gives a handlers module its types; returns what it is given.
 *
 * @example
 * ```ts
 * export default defineHandlers<{ user: string }>({
 *   authorize: (request) => ({ accept: true, data: { user: "ann" } }),
 *   message: (connection, data, isBinary) => {
 *     connection.send(data, isBinary);
 *   },
 * });
 * ```
 */
export function defineHandlers<Data = unknown>(
  handlers: Handlers<Data>,
): Handlers<Data> {
  return handlers;
}
