import { setup } from "xstate";

/** Facts about the whole server. */
export type ServerEvent =
  /** Every shard serves and the socket listens. */
  | { type: "server.listening" }
  /** The server cannot go on: no shard can be started, or the socket cannot listen. */
  | { type: "server.failed" }
  | { type: "shutdown.requested" }
  /** A shutdown was requested, and other instances may be draining: it waits for its turn. */
  | { type: "shutdown.queued" }
  | { type: "turn.granted" }
  | { type: "shutdown.calledOff" }
  | { type: "deadline.reached" }
  /** Every shard has told each of its connections. */
  | { type: "shards.told" }
  | { type: "shards.terminated" };

/** Milliseconds when the machine runs by itself; main resolves them from options and deadline. */
export const serverDelays = {
  startDeadline: 60_000,
  /** How long a turn to drain is waited for, of the time that is left. */
  turnDeadline: 6_000,
  /** Readiness is off, sockets are still accepted: load balancers take notice. */
  withdrawalDelay: 1,
  shutdownDeadline: 8_000,
  /** The deadline and a little more: what the shards may take to force the rest and to be ended. */
  reportDeadline: 8_900,
} as const;
export type ServerDelay = keyof typeof serverDelays;

const named = (): void => {};

/**
 * The server: listener, shards and, at the end, the report.
 *
 * @example
 * ```ts
 * import { serverMachine } from "sluice/machines";
 * import { initialTransition } from "xstate";
 *
 * const [snapshot] = initialTransition(serverMachine);
 * console.log(snapshot.value); // starting
 * ```
 */
export const serverMachine = setup({
  types: { events: {} as ServerEvent },
  delays: serverDelays,
  actions: {
    announceReady: named,
    withdrawReadiness: named,
    awaitTurn: named,
    leaveQueue: named,
    suspendListener: named,
    resumeListener: named,
    broadcastShutdown: named,
    broadcastCallOff: named,
    broadcastForce: named,
    killShards: named,
    completeReport: named,
  },
}).createMachine({
  id: "server",
  initial: "starting",
  states: {
    starting: {
      description: "threads start; the socket does not listen yet",
      after: { startDeadline: { target: "draining", actions: "killShards" } },
      on: {
        "server.listening": { target: "listening", actions: "announceReady" },
        "server.failed": { target: "draining", actions: "killShards" },
        "shutdown.requested": {
          target: "closing.broadcasting",
          actions: "withdrawReadiness",
        },
        "deadline.reached": { target: "draining", actions: "broadcastForce" },
      },
    },
    listening: {
      description: "ready; sockets are accepted and handed to the shards",
      on: {
        "shutdown.queued": {
          target: "closing.queueing",
          actions: "awaitTurn",
        },
        "shutdown.requested": {
          target: "closing",
          actions: "withdrawReadiness",
        },
        "deadline.reached": {
          target: "draining",
          actions: ["withdrawReadiness", "suspendListener", "broadcastForce"],
        },
        "server.failed": {
          target: "closing.broadcasting",
          actions: "withdrawReadiness",
        },
      },
    },
    closing: {
      description: "asked to stop; may still be called off",
      initial: "withdrawing",
      on: {
        "shards.terminated": "terminated",
        "deadline.reached": {
          target: "draining",
          actions: ["suspendListener", "broadcastForce"],
        },
      },
      states: {
        queueing: {
          description: "other instances drain; ready until it is its turn",
          after: {
            turnDeadline: {
              target: "withdrawing",
              actions: ["leaveQueue", "withdrawReadiness"],
            },
          },
          on: {
            "turn.granted": {
              target: "withdrawing",
              actions: ["leaveQueue", "withdrawReadiness"],
            },
            // Its place in the queue is kept.
            "shutdown.requested": { target: "queueing", reenter: true },
            "shutdown.calledOff": {
              target: "#server.listening",
              actions: "leaveQueue",
            },
            "server.failed": {
              target: "broadcasting",
              actions: ["leaveQueue", "withdrawReadiness"],
            },
            "deadline.reached": {
              target: "#server.draining",
              actions: [
                "leaveQueue",
                "withdrawReadiness",
                "suspendListener",
                "broadcastForce",
              ],
            },
            "shards.terminated": {
              target: "#server.terminated",
              actions: ["leaveQueue", "withdrawReadiness", "suspendListener"],
            },
          },
        },
        withdrawing: {
          description: "not ready, still accepting: load balancers take notice",
          after: { withdrawalDelay: "broadcasting" },
          on: {
            "shutdown.requested": { target: "withdrawing", reenter: true },
            "shards.terminated": {
              target: "#server.terminated",
              actions: "suspendListener",
            },
            "shutdown.calledOff": {
              target: "#server.listening",
              actions: "announceReady",
            },
          },
        },
        broadcasting: {
          description: "accepts nothing; connections are told, at a pace",
          entry: ["suspendListener", "broadcastShutdown"],
          after: {
            shutdownDeadline: {
              target: "#server.draining",
              actions: "broadcastForce",
            },
          },
          on: {
            "shards.told": "#server.draining",
            "shutdown.requested": { target: "broadcasting", reenter: true },
            "shutdown.calledOff": {
              target: "#server.listening",
              actions: ["broadcastCallOff", "resumeListener", "announceReady"],
            },
          },
        },
      },
    },
    draining: {
      description: "waits for every shard",
      after: {
        reportDeadline: { target: "terminated", actions: "killShards" },
      },
      on: {
        "shutdown.requested": {
          target: "draining",
          reenter: true,
          actions: "broadcastShutdown",
        },
        "deadline.reached": {
          target: "draining",
          reenter: true,
          actions: "broadcastForce",
        },
        "shards.terminated": "terminated",
      },
    },
    terminated: {
      type: "final",
      description: "the report is complete",
      entry: "completeReport",
    },
  },
});
