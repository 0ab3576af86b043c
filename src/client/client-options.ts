import { type Ended, LONGEST_TIMER_MS } from "./appointment.ts";

/** What a WebSocket sends. */
export type Outgoing = string | ArrayBuffer | ArrayBufferView;
/** What it receives here: binary messages are always an `ArrayBuffer`. */
export type Incoming = string | ArrayBuffer;

/**
 * What became of something that was sent.
 *
 * - `taken`: the server has handled it. Only a server that acknowledges can say so; none does yet.
 * - `uncertain`: it was written to an open connection, and nobody says whether it was handled.
 * - `refused`: it was not sent, and never will be: nobody was connected and it should not, could not, or no longer wait.
 */
export type Fate = "taken" | "uncertain" | "refused";

export interface SendOptions {
  /** What is sent while nobody is connected waits for the next connection, or is refused at once. [the client's] */
  readonly whenAway?: "queue" | "refuse";
  /** It is refused when it has waited so long for a connection, in milliseconds. [for ever] */
  readonly expiresMs?: number;
}

export interface ClientOptions {
  /**
   * The address of the next attempt, asked anew before each one: a token in it
   * is never an old one. Relative addresses are resolved against the client's.
   * What it throws is a failed attempt; `undefined` ends the client.
   */
  readonly address?: (attempt: {
    /** From 1, over the whole life of the client. */
    readonly attempt: number;
    /** Aborted when the attempt is given up. */
    readonly signal: AbortSignal;
  }) => string | URL | undefined | Promise<string | URL | undefined>;
  /**
   * The server is a Sluice, whose heartbeat is to be heard and which is to be
   * asked whether it is there: the subprotocol `sluice.v1` is offered, before
   * `protocols`. A server that takes none of them is not connected to. [false]
   */
  readonly heartbeat?: boolean;
  /** Subprotocols to offer (RFC 6455, 1.9). */
  readonly protocols?: string | string[];
  /** What is sent while nobody is connected waits, or is refused. ["queue"] */
  readonly whenAway?: "queue" | "refuse";
  /** So many messages wait at most. [256] */
  readonly maxQueued?: number;
  /** So many bytes of them, text counted by its length. [1 MiB] */
  readonly maxQueuedBytes?: number;
  /** Says of a close that the client must not come back. A server says so by `retry-after-ms=never`. [none] */
  readonly isFinal?: (ended: Ended) => boolean;
  /** Ends the client. */
  readonly signal?: AbortSignal;
  /**
   * Sent to ask whether the server is there: after `quietMs` of silence, when
   * the page wakes, and when the network has changed. Whatever is heard within
   * 5 s is the answer; else the connection is given up. Without it nothing is
   * asked, and a dead line is noticed only when the platform notices.
   * [a question that `sluice.v1` has, where the server speaks it; else none]
   */
  readonly probe?: () => Outgoing | undefined;
  /** Silence that is nothing unusual, in milliseconds. [5 s more than the server's heartbeat, where that is heard; else 30,000] */
  readonly quietMs?: number;
  /** The longest back-off after the first failure, doubled by each further one, in milliseconds. [500] */
  readonly firstBackOffMs?: number;
  /** The longest back-off of all, in milliseconds. [20,000] */
  readonly longestBackOffMs?: number;
  /** The class of the platform's WebSocket. [`globalThis.WebSocket`] */
  readonly WebSocket?: new (
    url: string,
    protocols?: string | string[],
  ) => WebSocket;
}

/** @throws RangeError for a number out of its range. */
export function checkNumbers(options: ClientOptions): void {
  for (const [name, value] of Object.entries(options))
    if (typeof value === "number" && !(value >= 0 && value <= LONGEST_TIMER_MS))
      throw new RangeError(
        `${name} is a number from 0 to ${LONGEST_TIMER_MS}; got ${value}`,
      );
}
