import type { IncomingMessage, ServerResponse } from "node:http";
import type { Outcome } from "./machines/connection-machine.ts";

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

/**
 * What became of a publication: `sent` (go on), `congested` (taken, but you
 * publish faster than the other threads pass on: wait for `published()`),
 * `refused` (nobody gets it: `maxPublishBacklogBytes` is reached), or `closed`
 * (nobody gets it: the connection that publishes has ended).
 */
export type PublishStatus = "sent" | "congested" | "refused" | "closed";

/**
 * What a topic's messages do for a subscriber that reads too slowly: `close`
 * lets the congestion rules of the connection decide, which end it with 1013
 * in the end; `drop` leaves messages out until it has caught up.
 */
export type WhenCongested = "close" | "drop";

export interface SubscribeOptions {
  /** `close` by default. Given again for a topic, it replaces what was given. */
  readonly whenCongested?: WhenCongested;
}

export interface PublishOptions {
  /** Bytes as text when `false`, a string as binary when `true`; as it is given otherwise. */
  readonly isBinary?: boolean;
}

/** How many subscribers a topic has. */
export interface SubscriberCount {
  /** On this instance. */
  readonly here: number;
  /** On all instances of the cluster, this one included. */
  readonly cluster: number;
  /** False when some shard or instance did not answer in time, and is not counted. */
  readonly isComplete: boolean;
}

/** A connection has begun or ceased to subscribe to a topic. */
export interface PresenceEvent {
  readonly type: "joined" | "left";
  readonly topic: string;
  /** Its id, unique on its instance. */
  readonly connection: string;
  readonly instance: string;
}

export type PresenceListener = (event: PresenceEvent) => void;

/** How many messages of a topic a subscriber has missed. */
export interface DroppedMessages {
  readonly topic: string;
  readonly messages: number;
}

/** One shard's thread, for what handlers do outside of any connection. */
export interface HandlerShard {
  /** Its number, from 0. */
  readonly index: number;
  /**
   * Sends a message to every subscriber of a topic, on every shard and
   * instance.
   *
   * @throws SluiceError `ERR_SLUICE_TOPIC`, `ERR_SLUICE_PAYLOAD`, `ERR_SLUICE_MESSAGE`.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options?: PublishOptions,
  ): PublishStatus;
  /** Resolves when this thread's publications are no longer congested. */
  published(): Promise<void>;
  /** Counts a topic's subscribers, on every shard and instance. */
  subscribers(topic: string): Promise<SubscriberCount>;
  /**
   * Tells of joins and leaves, on every shard and instance, from now on. Like
   * messages, they come at most once: `subscribers` has the truth. What a crash
   * ends is not told.
   *
   * @returns what ends the watch
   */
  watch(topic: string, listener: PresenceListener): () => void;
}

/**
 * One WebSocket connection, as handlers see it.
 *
 * Once it has ended, it says what it last knew: `id`, `request` with its
 * address, `subprotocol` and `data` stay, `state` is `terminated`, `signal` has
 * fired, and what would still do something does nothing: `send` and `publish`
 * return `closed`, `subscribe` false, `drained()` resolves. In `closed`,
 * `topics` still has what it subscribed to; afterwards it is empty.
 */
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
  /** What it subscribes to. */
  readonly topics: ReadonlySet<string>;
  /** Messages of topics that were left out because it was congested. */
  readonly droppedMessages: number;
  /**
   * Subscribes to a topic until `unsubscribe`, or until the connection ends.
   * It counts at once, for publishers on every shard.
   *
   * @returns false when the connection is not open, and nothing was done
   * @throws SluiceError `ERR_SLUICE_TOPIC` for a name that cannot be one,
   *   `ERR_SLUICE_TOPIC_LIMIT` for one more than `maxTopicsPerConnection`.
   */
  subscribe(topic: string, options?: SubscribeOptions): boolean;
  /** @returns whether it did subscribe to the topic */
  unsubscribe(topic: string): boolean;
  /**
   * Sends a message to the other subscribers of a topic, on every shard and
   * instance. The connection need not subscribe to it. From one connection to
   * one topic, order is kept.
   *
   * @param options - `includeSelf`: to this connection too, if it subscribes.
   * @throws SluiceError `ERR_SLUICE_TOPIC`, `ERR_SLUICE_PAYLOAD`, `ERR_SLUICE_MESSAGE`.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options?: PublishOptions & { readonly includeSelf?: boolean },
  ): PublishStatus;
  /** Resolves when this thread's publications are no longer congested. */
  published(): Promise<void>;
  /** Resolves when the connection is no longer congested, or has ended. */
  drained(): Promise<void>;
  /**
   * Starts closing: handlers in flight finish, then the close frame goes out.
   * Messages that wait for a handler are not handled any more.
   *
   * @param code - 1000 by default; 1000 to 1014 without 1004 to 1006, or 3000 to 4999 (RFC 6455, 7.4).
   * @param reason - At most 123 bytes of UTF-8 (RFC 6455, 5.5).
   * @throws SluiceError `ERR_SLUICE_CLOSE_CODE`, `ERR_SLUICE_CLOSE_REASON`.
   */
  close(code?: number, reason?: string): void;
}

/** How a connection ended, as told to `closed`. */
export interface ConnectionEnd {
  readonly outcome: Exclude<Outcome, "rejected" | "served" | "cut" | "crashed">;
  /** The close code that ended it; 1005 when a close frame had none, 1006 when there was none (RFC 6455, 7.1.5). */
  readonly code: number;
  readonly reason: string;
}

/**
 * The verdict of `authorize` on an upgrade. It is taken at its word: a value of
 * another type, or a field that is none of these, is a failure of the hook, and
 * the client gets a 500.
 */
export type Authorization<Data> =
  | {
      readonly accept: true;
      readonly data?: Data;
      /**
       * One of `request.subprotocols`, or `null` for none. Left out, it is the
       * first that the client offers of `sluice.v1` and the option
       * `subprotocols`, or none (RFC 6455, 4.2.2).
       */
      readonly subprotocol?: string | null | undefined;
    }
  | {
      readonly accept: false;
      /** HTTP status, 300 to 599. */
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
  /** Once on each shard, before its first connection: keep `shard` to publish outside of connections. The shard serves when it has resolved. */
  started?(shard: HandlerShard): Later<void>;
  /**
   * Accepts (also by returning nothing) or refuses an upgrade. Bounded by the
   * handshake deadline. `signal` fires when it is too late: at that deadline,
   * in a shutdown, or because the client has left; to reject with its reason
   * is no failure then.
   */
  authorize?(
    request: ConnectionRequest,
    signal: AbortSignal,
  ): Later<Authorization<Data> | undefined | void>;
  /**
   * A request of plain HTTP, which asks for no upgrade: a listener as that of
   * `node:http`'s `createServer`, so an Express, Koa or Fastify application is
   * one as it is. Without this hook such a request is answered with 426.
   * `/healthz` and `/readyz` are the server's own.
   *
   * What it throws or rejects with is a 500, or cuts the answer that has begun.
   * In a shutdown, answers under way are finished, up to the deadline.
   */
  request?(request: IncomingMessage, response: ServerResponse): Later<void>;
  /**
   * The connection is open. Messages wait until this has resolved; when it
   * closes the connection or fails, none of them is handled.
   */
  opened?(connection: Connection<Data>): Later<void>;
  /**
   * A message has come. At most `maxHandlersInFlight` of these run at once on a
   * connection; then reading pauses. What the peer said before it closed is
   * heard before `closed` (for up to `closeDeadlineMs`, where handlers take
   * long); what it said before TCP broke off, or behind our own close frame,
   * may not be. In a shutdown what waits is handled; after a verdict on the
   * connection (a handler has closed it or failed, it broke the protocol or a
   * limit) nothing is. A handler that runs when its client leaves runs on, and
   * a shutdown waits for it.
   */
  message?(
    connection: Connection<Data>,
    data: Buffer,
    isBinary: boolean,
  ): Later<void>;
  /**
   * Messages were left out for a subscriber that was congested (see
   * {@link SubscribeOptions}), and it has caught up: time for a fresh state.
   */
  dropped?(
    connection: Connection<Data>,
    missed: readonly DroppedMessages[],
  ): Later<void>;
  /** A shutdown or drain has reached the open connection: say a last word. Not after a verdict. */
  draining?(connection: Connection<Data>): Later<void>;
  /**
   * The connection is about to move to another thread or process. Nothing else
   * of it is in flight. What this returns travels instead of `data` and must be
   * cloneable (`structuredClone`); without this hook `data` itself travels.
   * Afterwards this object is an empty shell whose `send` returns `closed` and
   * whose `signal` has fired. Throwing keeps the connection where it is. When
   * a verdict falls on it now, or its client leaves, `closed` comes next and no
   * `resume`.
   */
  suspend?(connection: Connection<Data>): unknown;
  /**
   * The connection has come from another thread or process, and `data` is what
   * `suspend` returned there; or it could not leave after all, and is the same
   * as before `suspend`. Messages wait until this has resolved. Handlers with
   * `opened` but without `resume` never have their connections moved: what
   * `opened` set up would be missing on the other side.
   *
   * @param state - What `suspend` returned, or `data` without that hook.
   */
  resume?(connection: Connection<Data>, state: unknown): Later<void>;
  /**
   * The connection has ended; nothing can be sent any more. Once, for whoever
   * was `opened`, and no other hook begins after it; those that run may end
   * later.
   */
  closed?(connection: Connection<Data>, end: ConnectionEnd): Later<void>;
}

/**
 * Gives a handlers module its types; returns what it is given.
 *
 * @example
 * ```ts
 * import { defineHandlers } from "sluice";
 *
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
