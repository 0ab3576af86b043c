import type { WhenCongested } from "../handlers.ts";
import type { SocketHandle } from "./socket-handle.ts";

/**
 * Why a connection did not move. The first ones never pass: such a connection
 * stays where it is, or is told to come back. The others are tried again until
 * the move's deadline; the last one seen is the cause that counts.
 */
export const moveObstacles = [
  /** Encrypted: the keys cannot leave the thread. */
  "tls",
  /** permessage-deflate with context takeover: the window cannot leave the thread. */
  "compression",
  /** The handlers have `opened` and no `resume`: nobody would tell the other thread of it. */
  "no-resume",
  /** The user data cannot be cloned, or is nested too deeply. */
  "data",
  /** `suspend` threw or rejected. */
  "suspend",
  /** Handover is off, or Node refused the socket. */
  "runtime",
  /** A handler or hook is in flight. */
  "handlers",
  /** Bytes that the kernel has not taken. */
  "unflushed",
  /** In the middle of a frame or of a fragmented message. */
  "mid-frame",
  /** Neither healthy nor probing: congested, closing, still upgrading. */
  "state",
] as const;
export type MoveObstacle = (typeof moveObstacles)[number];

/** How many connections were refused, by cause. */
export type MoveObstacles = Partial<Record<MoveObstacle, number>>;

/** Whether trying again cannot help. */
export function isLasting(cause: MoveObstacle): boolean {
  return (
    cause === "tls" ||
    cause === "compression" ||
    cause === "no-resume" ||
    cause === "data" ||
    cause === "suspend" ||
    cause === "runtime"
  );
}

/**
 * Everything that a connection is, as plain data: what travels beside its
 * socket. Times are absolute on the monotonic clock of the machine, which
 * threads and processes share.
 */
export interface ConnectionSnapshot {
  /** Its identity. */
  readonly number: number;
  /**
   * The request as it came, one latin1 string. With what was agreed on
   * compression where there is any: an older version, which would read the rest
   * as if there were none, cannot read that, and it stays the sender's.
   */
  readonly head: string | CompressedHead;
  readonly remoteAddress: string;
  readonly subprotocol: string;
  /** What `suspend` returned, or the connection's `data`. */
  readonly state: unknown;
  readonly openedAt: number;
  /** Silent since the heartbeat last looked. */
  readonly isSilent: boolean;
  /** A ping was unanswered: it is asked again on the other side. */
  readonly isProbing: boolean;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Bytes of TCP, through all its threads; `undefined` where an older version did not say. */
  readonly bytesIn: number | undefined;
  readonly bytesOut: number | undefined;
  /** What is left of its rate limits. */
  readonly allowance: Allowance | undefined;
  /** Topics, and what is done when it is slow. */
  readonly subscriptions: readonly (readonly [string, WhenCongested])[];
  /** Publications that were posted by then it has heard; `undefined` where it subscribes to nothing, or an older version did not say. */
  readonly heardUntil: number | undefined;
  /** Left out for it because it was slow. */
  readonly droppedMessages: number;
  /** Counted against `maxConnectionsPerAddress`. */
  readonly isAdmitted: boolean;
  /** When reading stopped. */
  readonly frozenAt: number;
}

/** Of a connection whose messages are compressed, each by itself. */
export interface CompressedHead {
  readonly raw: string;
  /** The window for what it is sent. */
  readonly windowBits: number;
}

/** A connection without a thread: what it is, and the handle of its socket. */
export interface MovingConnection {
  readonly snapshot: ConnectionSnapshot;
  /** Absent when its peer has gone on the way. */
  readonly handle: SocketHandle | undefined;
}

/** A rate limiter's token buckets. */
export interface Allowance {
  messages: number;
  bytes: number;
  filledAt: number;
}

/** Main to shard: give connections away. */
export interface MoveOrder {
  type: "move";
  /** Of this move order; the report names it. */
  order: number;
  /** At most so many connections. */
  limit: number;
  /** Absolute: what cannot move by then stays. */
  deadline: number;
}

/** Main to shard. */
export type MovingMainMessage =
  | MoveOrder
  /** Gives up what has not left yet. */
  | { type: "move-call-off"; order: number }
  /** A connection from elsewhere; without a handle its peer has gone on the way. */
  | {
      type: "move-in";
      snapshot: ConnectionSnapshot;
      handle: SocketHandle | undefined;
    }
  /** It is another's now, or gone: the shard need not wait for it any more. */
  | { type: "landed"; number: number };

/** Shard to main. */
export type MovingShardMessage =
  | {
      type: "moved-out";
      order: number;
      snapshot: ConnectionSnapshot;
      handle: SocketHandle;
    }
  /** The connection lives here now. */
  | { type: "moved-in"; number: number }
  /** All that the order was aimed at has left or was refused. */
  | { type: "moved"; order: number; left: number; refused: MoveObstacles };
