import type { Config } from "../../config.ts";
import type { ConnectionEnd } from "../../handlers.ts";
import type {
  CloseCause,
  ConnectionActionType,
  ConnectionDelay,
  FailureCause,
  RefusalCause,
  SettledOutcome,
} from "../../machines/connection-machine.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
import { refusal, refusalResponse } from "../handshake/refusal.ts";
import { CLOSE_CODE, OPCODE } from "../../rfc6455.ts";
import { type Answer, RETRY_AFTER_SECONDS } from "../handshake/handshake.ts";
import type { ManagedConnection } from "../lifecycle/managed-connection.ts";
import type { FrameWriter } from "../websocket/frame-writer.ts";
import type { Transport } from "../transport/transport.ts";
import type { Inbox } from "./inbox.ts";

/** How long TCP may take to end once everything is said. */
const LINGER_MS = 1_000;
/** A client that asks again at the last moment is still answered: so much longer than it is told. */
const KEEP_ALIVE_GRACE_MS = 1_000;
/** Of the time that is left, handlers may use all but this for the closing handshake. */
const DRAIN_RESERVE_MS = 1_000;
const DRAIN_RESERVE_SHARE = 0.25;

/** A move to another thread, as the connection's machine has it in its hands. */
export interface MoveUnderWay {
  /** Absolute: it stays when it could not move by then. */
  readonly deadline: number;
  /** It stays: what the move had stopped goes on. */
  giveUp(): void;
}

/** What the machine's verbs and delays ask of a shard. */
export interface ActingShard<Connection> {
  readonly config: Pick<
    Config,
    | "closeCode"
    | "closeDeadlineMs"
    | "congestionCloseCode"
    | "congestionDeadlineMs"
    | "handshakeDeadlineMs"
    | "keepAliveDeadlineMs"
    | "requestDeadlineMs"
    | "pongDeadlineMs"
  >;
  readonly clock: { now(): number };
  readonly counters: ShardCounters;
  reportOpened(connection: Connection): void;
  reportRejection(connection: Connection, status: number, reason: string): void;
  reportCongestion(connection: Connection): void;
  reportEnded(connection: Connection, end: ConnectionEnd): void;
  /** The last step of its life. */
  forget(connection: Connection): void;
}

/** What they ask of a connection. */
export interface ActingConnection extends ManagedConnection {
  readonly shard: ActingShard<this>;
  readonly transport: Pick<Transport, "resume" | "end" | "destroy">;
  readonly isSecure: boolean;
  readonly writer: Pick<FrameWriter, "bytes" | "drop" | "frame" | "write">;
  readonly inbox: Inbox;
  /** While the opening handshake is under way. */
  handshake: {
    readonly acceptance: Buffer | undefined;
    readonly answer: Answer | undefined;
    abort(): void;
  } | null;
  readonly compressor: {
    readonly isIdle: boolean;
    readonly windowBits: number | null;
    close(): void;
  } | null;
  /** While it speaks plain HTTP. */
  readonly plain: {
    announceLast(): void;
    awaitNext(): void;
    giveUp(): boolean;
    leave(): void;
  } | null;
  readonly data: unknown;
  isReading: boolean;
  move: MoveUnderWay | null;
  runHook(hook: "draining"): PromiseLike<void> | undefined;
  /** Closing has begun: whoever watches the signal may stop. */
  abort(): void;
  /** Wakes those who wait in `drained()`. */
  relieve(): void;
  pauseReading(): void;
  resumeReading(): void;
  sendPing(): void;
  /** Nothing that the peer says counts any more. */
  stopHearing(): void;
}

type Action = (connection: ActingConnection, params: never) => void;

/** Verbs that take a socket out of one pair of hands and put it into another: not of the lifecycle alone. */
export type SocketActionType =
  "announceOpened" | "beginMove" | "beginRequest" | "serveRequest";

/** The hands of the connection machine, but for those that hand a socket on. */
export const lifecycleActions: Record<
  Exclude<ConnectionActionType, SocketActionType>,
  Action
> = {
  writeAcceptance(connection) {
    connection.writer.bytes(connection.handshake?.acceptance as Buffer);
  },

  writeRefusal(connection, { cause }: { cause: RefusalCause }) {
    const { handshake: upgrade, shard } = connection;
    upgrade?.abort();
    connection.limitDeadline(shard.clock.now() + LINGER_MS);
    const answer = answerFor(cause, upgrade?.answer);
    shard.reportRejection(connection, answer.status, answer.reason);
    connection.writer.bytes(refusalResponse(answer, Date.now()));
    connection.writer.write();
    // Bytes of the peer that stay unread would turn the end of TCP into a reset.
    connection.transport.resume();
  },

  awaitRequest(connection) {
    connection.plain?.awaitNext();
  },

  announceLast(connection) {
    connection.plain?.announceLast();
  },

  writeFailure(connection, { cause }: { cause: FailureCause }) {
    const { plain, shard, transport, writer } = connection;
    connection.limitDeadline(shard.clock.now() + LINGER_MS);
    const answer = failureFor(cause);
    shard.reportRejection(connection, answer.status, answer.reason);
    // Into an answer that has begun, nothing can be said.
    if (plain?.giveUp() !== false)
      writer.bytes(refusalResponse(answer, Date.now()));
    else transport.end();
    writer.write();
    transport.resume();
  },

  countOpened(connection) {
    const { shard } = connection;
    shard.counters.add("opened");
    connection.openedAt = shard.clock.now();
    shard.reportOpened(connection);
  },

  sendPing(connection) {
    connection.sendPing();
  },

  announceCongestion(connection) {
    // Who does not read is not read from: what it asks for would only be added.
    connection.pauseReading();
    connection.shard.reportCongestion(connection);
  },

  announceRelief(connection) {
    connection.relieve();
    connection.resumeReading();
  },

  endMove(connection) {
    endMove(connection);
  },

  announceArrival(connection) {
    connection.inbox.resume(connection.data);
    connection.resumeReading();
  },

  beginClosing(connection, { cause }: { cause: CloseCause }) {
    const { shard } = connection;
    // A shutdown lets what waits be handled, and so does a peer that goes; a verdict does not.
    if (cause !== "shutdown" && cause !== "peer") connection.inbox.shut();
    // Whoever is on the way out of the thread closes where it is.
    endMove(connection);
    const { closeCode, congestionCloseCode, closeDeadlineMs } = shard.config;
    connection.closeStatus ??= {
      code: cause === "congestion" ? congestionCloseCode : closeCode,
      reason: "",
    };
    if (cause !== "shutdown")
      connection.limitDeadline(shard.clock.now() + closeDeadlineMs);
    connection.abort();
  },

  sayLastWord(connection) {
    const work = connection.runHook("draining");
    if (work !== undefined) connection.inbox.track(work);
  },

  awaitHandlers(connection) {
    connection.inbox.settle();
  },

  awaitCompressor(connection) {
    if (connection.compressor?.isIdle !== false)
      connection.tell("compressor.idle");
  },

  sendCloseFrame(connection) {
    const { code, reason } = connection.closeStatus as {
      code: number;
      reason: string;
    };
    connection.writer.frame(OPCODE.close, closePayload(code, reason));
    connection.writer.write();
    // From here on the peer's is all that matters; it may have been read already.
    connection.inbox.hearClose();
    connection.resumeReading();
  },

  endSocket(connection) {
    const { shard, transport } = connection;
    connection.limitDeadline(shard.clock.now() + LINGER_MS);
    // After both close frames nothing of worth can follow, and the kernel has
    // ours: the peer's end is not waited for. The half-close goes first all the
    // same: where a helper of the handlers has inherited the descriptor, closing
    // it is no end of TCP (docs/node-issues.md). TLS says a goodbye of its own
    // first; and a peer that broke the protocol may still be sending, which
    // would turn the close into a reset.
    const isSaid = connection.lifecycle.name === "draining.concluding";
    if (isSaid && !connection.isSecure)
      transport.end(() => {
        transport.destroy();
        connection.tell("socket.closed");
      });
    else {
      transport.end();
      transport.resume();
    }
  },

  settle(connection, { outcome }: { outcome: SettledOutcome }) {
    const { counters } = connection.shard;
    if (outcome === "rejected") {
      const wasProbe = connection.handshake?.answer?.reason === "health";
      counters.add(wasProbe ? "probes" : "rejected");
      return;
    }
    counters.add(outcome);
    if (outcome === "served" || outcome === "cut") return;
    const code =
      outcome === "clean" || outcome === "unacknowledged"
        ? (connection.closeStatus?.code ?? CLOSE_CODE.abnormal)
        : CLOSE_CODE.abnormal;
    (counters.closeCodes[code] as number) += 1;
    connection.abort();
    connection.shard.reportEnded(connection, {
      outcome,
      code,
      reason: connection.closeStatus?.reason ?? "",
    });
  },

  release(connection) {
    connection.handshake?.abort();
    connection.handshake = null;
    connection.plain?.leave();
    connection.stopHearing();
    if (connection.compressor !== null) {
      const keepsWindow = connection.compressor.windowBits === null;
      if (keepsWindow) connection.shard.counters.add("windowsKept", -1);
      connection.compressor.close();
    }
    connection.move = null;
    connection.inbox.drop();
    connection.relieve();
    connection.writer.drop();
    connection.transport.destroy();
    connection.shard.forget(connection);
  },
};

/** What is left of the connection's own time decides, where it has a deadline. */
export const connectionDelays: Record<
  ConnectionDelay,
  (connection: ActingConnection) => number
> = {
  handshakeDeadline: ({ shard }) => shard.config.handshakeDeadlineMs,
  requestDeadline: ({ shard }) => shard.config.requestDeadlineMs,
  keepAliveDeadline: ({ shard }) =>
    shard.config.keepAliveDeadlineMs + KEEP_ALIVE_GRACE_MS,
  pongDeadline: ({ shard }) => shard.config.pongDeadlineMs,
  moveDeadline: ({ move, shard }) =>
    Math.max(0, (move?.deadline ?? 0) - shard.clock.now()),
  congestionDeadline: ({ shard }) => shard.config.congestionDeadlineMs,
  closingDeadline: (connection) => {
    const left = timeLeft(connection);
    return left - Math.min(DRAIN_RESERVE_MS, left * DRAIN_RESERVE_SHARE);
  },
  drainDeadline: timeLeft,
  lingerDeadline: timeLeft,
};

/** What the move had stopped goes on. */
function endMove(connection: ActingConnection): void {
  const { move } = connection;
  connection.move = null;
  move?.giveUp();
}

function timeLeft({ deadline, shard }: ActingConnection): number {
  return Math.max(0, deadline - shard.clock.now());
}

/** RFC 6455, 5.5.1: code and reason, or nothing where the peer gave none. */
function closePayload(code: number, reason: string): Buffer {
  if (code === CLOSE_CODE.noCode) return Buffer.alloc(0);
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

/** A compressed message has become a frame: whoever closes may have waited for it. */
export function compressedReady(connection: ActingConnection): void {
  if (connection.compressor?.isIdle !== true) return;
  if (connection.has("closing")) connection.inbox.settle();
  else connection.tell("compressor.idle");
}

function failureFor(cause: FailureCause): Answer {
  return cause === "body"
    ? refusal("bad-request", { body: "The body is malformed.\n" })
    : refusal("request-deadline");
}

function answerFor(cause: RefusalCause, verdict: Answer | undefined): Answer {
  if (cause === "verdict" && verdict !== undefined) return verdict;
  return cause === "handshake-deadline"
    ? refusal("handshake-deadline")
    : refusal("shutting-down", { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
