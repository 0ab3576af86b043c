import { setup } from "xstate";

/**
 * How a connection ended. Every connection has exactly one.
 *
 * @example
 * ```ts
 * import { outcomes, serve } from "sluice";
 *
 * const server = await serve();
 * const { ledger } = server.stats();
 * for (const outcome of outcomes) console.log(outcome, ledger.outcomes[outcome]);
 * ```
 */
export const outcomes = [
  "rejected",
  "served",
  "cut",
  "clean",
  "unacknowledged",
  "forced",
  "lost",
  "crashed",
] as const;
export type Outcome = (typeof outcomes)[number];

/** The outcomes a machine can reach by itself: `crashed` is written by main, once the thread is gone. */
export type SettledOutcome = Exclude<Outcome, "crashed">;

/** Why our side starts closing; the thread that runs the machine turns it into a close code. */
export type CloseCause =
  "application" | "shutdown" | "congestion" | "protocol" | "peer";

export type RefusalCause = "verdict" | "handshake-deadline" | "shutting-down";

/** Why a request of plain HTTP is given up. */
export type FailureCause = "body" | "request-deadline";

/** Facts that change the lifecycle of a connection. Traffic is not among them. */
export const connectionEvents = [
  "upgrade.accepted",
  "upgrade.refused",
  "http.requested",
  "request.received",
  "request.broken",
  "request.answered",
  "request.concluded",
  "request.begun",
  "answer.stalled",
  "answer.taken",
  "heartbeat.due",
  "heartbeat.unheard",
  "peer.responded",
  "buffer.overflowed",
  "buffer.drained",
  "buffer.exceeded",
  "buffer.flushed",
  "close.requested",
  "shutdown.requested",
  "move.requested",
  "move.refused",
  "move.arrived",
  "handlers.settled",
  "compressor.idle",
  "protocol.violated",
  "peer.closed",
  "socket.closed",
  "deadline.reached",
] as const;
export type ConnectionEventType = (typeof connectionEvents)[number];

/**
 * What a thread asks of a state: may messages be taken (`open`), are handlers
 * awaited (`closing`), is nothing taken any more that our close frame would have
 * to wait for (`sealed`), is the peer's close frame answered (`answering`)?
 */
export type ConnectionTag = "open" | "closing" | "sealed" | "answering";

/**
 * The delays that lead out of each state, by name. The numbers (milliseconds)
 * only serve the machine when it runs by itself, in a drawing or a test; a shard
 * resolves the names from its options and the connection's deadline at the
 * moment a delay is armed.
 */
export const connectionDelays = {
  handshakeDeadline: 5_000,
  requestDeadline: 300_000,
  keepAliveDeadline: 6_000,
  pongDeadline: 10_000,
  congestionDeadline: 30_000,
  moveDeadline: 2_000,
  closingDeadline: 4_000,
  drainDeadline: 5_000,
  lingerDeadline: 1_000,
} as const;
export type ConnectionDelay = keyof typeof connectionDelays;

const named = (): void => {};

/**
 * The life of one connection, from the hand-over of its socket to `terminated`.
 *
 * It is finite on purpose: no context, no guards, one delay at a time, so that
 * each (state, event) has a single answer that can be looked up. What varies is
 * kept on the connection and reaches the machine as an event that already says
 * it. Actions sit on transitions, not on entry, so that re-entering a state
 * re-arms its delay and does nothing else.
 *
 * A move to another thread or process is an event in this life, not its end:
 * the machine leaves one thread in `open.moving` and goes on in the other from
 * the same state, where `move.arrived` is the next thing it hears.
 *
 * @example
 * ```ts
 * import { connectionMachine } from "sluice/machines";
 * import { initialTransition, transition } from "xstate";
 *
 * const [before] = initialTransition(connectionMachine);
 * const accepted = { type: "upgrade.accepted" } as const;
 * const [after] = transition(connectionMachine, before, accepted);
 * console.log(after.value); // { open: "healthy" }
 * ```
 */
export const connectionMachine = setup({
  types: {
    events: {} as { type: ConnectionEventType },
    tags: {} as ConnectionTag,
  },
  delays: connectionDelays,
  actions: {
    writeAcceptance: named,
    writeRefusal: (_, _params: { cause: RefusalCause }) => {},
    serveRequest: named,
    awaitRequest: named,
    beginRequest: named,
    announceLast: named,
    writeFailure: (_, _params: { cause: FailureCause }) => {},
    countOpened: named,
    announceOpened: named,
    sendPing: named,
    announceCongestion: named,
    announceRelief: named,
    beginMove: named,
    endMove: named,
    announceArrival: named,
    beginClosing: (_, _params: { cause: CloseCause }) => {},
    sayLastWord: named,
    awaitHandlers: named,
    awaitCompressor: named,
    sendCloseFrame: named,
    endSocket: named,
    settle: (_, _params: { outcome: SettledOutcome }) => {},
    release: named,
  },
}).createMachine({
  id: "connection",
  initial: "upgrading",
  states: {
    upgrading: {
      description: "TCP is accepted; the opening handshake is under way",
      initial: "handshaking",
      on: {
        "socket.closed": {
          target: "terminated",
          actions: { type: "settle", params: { outcome: "rejected" } },
        },
        "deadline.reached": {
          target: "terminated",
          actions: { type: "settle", params: { outcome: "rejected" } },
        },
      },
      states: {
        handshaking: {
          description: "reads the request and asks the handlers to authorize",
          after: {
            handshakeDeadline: {
              target: "refusing",
              actions: {
                type: "writeRefusal",
                params: { cause: "handshake-deadline" },
              },
            },
          },
          on: {
            "upgrade.accepted": {
              target: "#connection.open",
              actions: ["writeAcceptance", "countOpened", "announceOpened"],
            },
            "upgrade.refused": {
              target: "refusing",
              actions: { type: "writeRefusal", params: { cause: "verdict" } },
            },
            "http.requested": {
              target: "#connection.plain",
              actions: "serveRequest",
            },
            "shutdown.requested": {
              target: "refusing",
              actions: {
                type: "writeRefusal",
                params: { cause: "shutting-down" },
              },
            },
          },
        },
        refusing: {
          description: "the refusal is written; the peer may read it",
          after: {
            lingerDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "rejected" } },
            },
          },
          on: { "shutdown.requested": { target: "refusing", reenter: true } },
        },
      },
    },
    plain: {
      description: "speaks plain HTTP; a later request may ask for an upgrade",
      initial: "receiving",
      states: {
        receiving: {
          description: "a request has come; its body is being read",
          after: {
            requestDeadline: {
              target: "failing",
              actions: {
                type: "writeFailure",
                params: { cause: "request-deadline" },
              },
            },
          },
          on: {
            "request.received": "answering",
            "request.broken": {
              target: "failing",
              actions: { type: "writeFailure", params: { cause: "body" } },
            },
            "request.answered": { target: "idle", actions: "awaitRequest" },
            "request.concluded": { target: "ending", actions: "endSocket" },
            "shutdown.requested": {
              target: "finishing",
              actions: "announceLast",
            },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
        },
        answering: {
          description: "the request is there; its answer is under way",
          on: {
            "answer.stalled": "congested",
            "request.answered": { target: "idle", actions: "awaitRequest" },
            "request.concluded": { target: "ending", actions: "endSocket" },
            "shutdown.requested": {
              target: "finishing",
              actions: "announceLast",
            },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
        },
        congested: {
          description: "the client reads slower than its answer is written",
          after: {
            congestionDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
          on: {
            "answer.taken": "answering",
            "request.answered": { target: "idle", actions: "awaitRequest" },
            "request.concluded": { target: "ending", actions: "endSocket" },
            "shutdown.requested": {
              target: "finishing",
              actions: "announceLast",
            },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
        },
        idle: {
          description: "everything is answered; the next request may come",
          after: {
            keepAliveDeadline: { target: "ending", actions: "endSocket" },
          },
          on: {
            "request.begun": {
              target: "#connection.upgrading",
              actions: "beginRequest",
            },
            "shutdown.requested": { target: "ending", actions: "endSocket" },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "served" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "served" } },
            },
          },
        },
        finishing: {
          description: "the last answer is under way; no request is taken",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
          on: {
            "request.broken": {
              target: "failing",
              actions: { type: "writeFailure", params: { cause: "body" } },
            },
            "request.answered": { target: "ending", actions: "endSocket" },
            "request.concluded": { target: "ending", actions: "endSocket" },
            "shutdown.requested": { target: "finishing", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
        },
        failing: {
          description: "the request is given up; the client may read why",
          after: {
            lingerDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
          on: {
            "shutdown.requested": { target: "failing", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "cut" } },
            },
          },
        },
        ending: {
          description: "everything is answered; TCP ends",
          after: {
            lingerDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "served" } },
            },
          },
          on: {
            "shutdown.requested": { target: "ending", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "served" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "served" } },
            },
          },
        },
      },
    },
    open: {
      tags: "open",
      description: "messages go both ways",
      initial: "healthy",
      on: {
        "close.requested": {
          target: "closing",
          actions: [
            { type: "beginClosing", params: { cause: "application" } },
            "awaitHandlers",
          ],
        },
        "shutdown.requested": {
          target: "closing",
          actions: [
            { type: "beginClosing", params: { cause: "shutdown" } },
            "sayLastWord",
            "awaitHandlers",
          ],
        },
        "buffer.exceeded": {
          target: "closing",
          actions: [
            { type: "beginClosing", params: { cause: "congestion" } },
            "awaitHandlers",
          ],
        },
        "peer.closed": {
          target: "draining.compressingAnswer",
          actions: [
            { type: "beginClosing", params: { cause: "peer" } },
            "awaitCompressor",
          ],
        },
        "protocol.violated": {
          target: "draining.compressingFailure",
          actions: [
            { type: "beginClosing", params: { cause: "protocol" } },
            "awaitCompressor",
          ],
        },
        "deadline.reached": {
          target: "draining.compressing",
          actions: [
            { type: "beginClosing", params: { cause: "shutdown" } },
            "awaitCompressor",
          ],
        },
        "socket.closed": {
          target: "terminated",
          actions: { type: "settle", params: { outcome: "lost" } },
        },
      },
      states: {
        healthy: {
          description: "the peer is heard and reads what it is sent",
          on: {
            "heartbeat.due": { target: "probing", actions: "sendPing" },
            // Its answer would not be read: it is not waited for.
            "heartbeat.unheard": { actions: "sendPing" },
            "buffer.overflowed": {
              target: "congested",
              actions: "announceCongestion",
            },
            "move.requested": { target: "moving", actions: "beginMove" },
          },
        },
        probing: {
          description: "a ping is unanswered",
          after: {
            pongDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
          on: {
            "peer.responded": "healthy",
            "buffer.overflowed": {
              target: "congested",
              actions: "announceCongestion",
            },
            "move.requested": { target: "moving", actions: "beginMove" },
          },
        },
        congested: {
          description: "the peer reads slower than the application writes",
          after: {
            congestionDeadline: {
              target: "#connection.closing",
              actions: [
                { type: "beginClosing", params: { cause: "congestion" } },
                "awaitHandlers",
              ],
            },
          },
          on: {
            "buffer.drained": { target: "healthy", actions: "announceRelief" },
          },
        },
        moving: {
          description:
            "goes to another thread as soon as nothing of it is under way",
          after: { moveDeadline: { target: "healthy", actions: "endMove" } },
          on: {
            "move.arrived": { target: "healthy", actions: "announceArrival" },
            "move.refused": { target: "healthy", actions: "endMove" },
            "buffer.overflowed": {
              target: "congested",
              actions: ["endMove", "announceCongestion"],
            },
          },
        },
      },
    },
    closing: {
      tags: "closing",
      description: "takes no new message; handlers in flight finish",
      after: {
        closingDeadline: {
          target: "draining.compressing",
          actions: "awaitCompressor",
        },
      },
      on: {
        // What they have sent is compressed by then.
        "handlers.settled": {
          target: "draining.flushing",
          actions: "sendCloseFrame",
        },
        "buffer.exceeded": {
          target: "draining.compressing",
          actions: "awaitCompressor",
        },
        "deadline.reached": {
          target: "draining.compressing",
          actions: "awaitCompressor",
        },
        "shutdown.requested": { target: "closing", reenter: true },
        "peer.closed": {
          target: "draining.compressingAnswer",
          actions: "awaitCompressor",
        },
        "protocol.violated": {
          target: "draining.compressingFailure",
          actions: "awaitCompressor",
        },
        "socket.closed": {
          target: "terminated",
          actions: { type: "settle", params: { outcome: "lost" } },
        },
      },
    },
    draining: {
      tags: "sealed",
      description: "our close frame is the last that is sent",
      initial: "compressing",
      states: {
        compressing: {
          description:
            "what was sent is being compressed; our close frame goes behind it",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "compressor.idle": {
              target: "flushing",
              actions: "sendCloseFrame",
            },
            "peer.closed": "compressingAnswer",
            "protocol.violated": "compressingFailure",
            "shutdown.requested": { target: "compressing", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        compressingAnswer: {
          tags: "answering",
          description:
            "the peer has closed; what was sent before is being compressed",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "compressor.idle": {
              target: "answering",
              actions: "sendCloseFrame",
            },
            "shutdown.requested": {
              target: "compressingAnswer",
              reenter: true,
            },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        compressingFailure: {
          description:
            "the peer broke the protocol; what was sent before is being compressed",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "compressor.idle": { target: "failing", actions: "sendCloseFrame" },
            "shutdown.requested": {
              target: "compressingFailure",
              reenter: true,
            },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        flushing: {
          description: "our close frame is not yet in the kernel",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "buffer.flushed": "awaiting",
            "peer.closed": "answering",
            "protocol.violated": "failing",
            "shutdown.requested": { target: "flushing", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        awaiting: {
          description: "our close frame is flushed; the peer's is awaited",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: {
                type: "settle",
                params: { outcome: "unacknowledged" },
              },
            },
          },
          on: {
            "peer.closed": { target: "concluding", actions: "endSocket" },
            "protocol.violated": { target: "hangingUp", actions: "endSocket" },
            "shutdown.requested": { target: "awaiting", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: {
                type: "settle",
                params: { outcome: "unacknowledged" },
              },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        answering: {
          tags: "answering",
          description: "the peer has closed; our close frame is on its way",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "buffer.flushed": { target: "concluding", actions: "endSocket" },
            "shutdown.requested": { target: "answering", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        failing: {
          description:
            "the peer broke the protocol; our close frame is on its way",
          after: {
            drainDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
          },
          on: {
            "buffer.flushed": { target: "hangingUp", actions: "endSocket" },
            "shutdown.requested": { target: "failing", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "forced" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "lost" } },
            },
          },
        },
        concluding: {
          description: "close frames went both ways; TCP ends",
          after: {
            lingerDeadline: {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "clean" } },
            },
          },
          on: {
            "shutdown.requested": { target: "concluding", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "clean" } },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: { type: "settle", params: { outcome: "clean" } },
            },
          },
        },
        hangingUp: {
          description:
            "our close frame is flushed; the peer's cannot be read any more; TCP ends",
          after: {
            lingerDeadline: {
              target: "#connection.terminated",
              actions: {
                type: "settle",
                params: { outcome: "unacknowledged" },
              },
            },
          },
          on: {
            "shutdown.requested": { target: "hangingUp", reenter: true },
            "deadline.reached": {
              target: "#connection.terminated",
              actions: {
                type: "settle",
                params: { outcome: "unacknowledged" },
              },
            },
            "socket.closed": {
              target: "#connection.terminated",
              actions: {
                type: "settle",
                params: { outcome: "unacknowledged" },
              },
            },
          },
        },
      },
    },
    terminated: {
      type: "final",
      description: "the outcome is known; nothing of it is left in memory",
      entry: "release",
    },
  },
});

export type ConnectionActionType =
  | "writeAcceptance"
  | "writeRefusal"
  | "serveRequest"
  | "awaitRequest"
  | "beginRequest"
  | "announceLast"
  | "writeFailure"
  | "countOpened"
  | "announceOpened"
  | "sendPing"
  | "announceCongestion"
  | "announceRelief"
  | "beginMove"
  | "endMove"
  | "announceArrival"
  | "beginClosing"
  | "sayLastWord"
  | "awaitHandlers"
  | "awaitCompressor"
  | "sendCloseFrame"
  | "endSocket"
  | "settle"
  | "release";
