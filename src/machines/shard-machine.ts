import { setup } from "xstate";

/** Facts about one shard, as main sees them. */
export type ShardEvent =
  | { type: "shard.ready" }
  | { type: "shard.suspended" }
  | { type: "shard.resumed" }
  | { type: "shutdown.requested" }
  | { type: "shutdown.calledOff" }
  | { type: "deadline.reached" }
  /** Every connection of the shard has been told. */
  | { type: "shard.told" }
  /** The thread's task has ended: by itself, by a fault, or because it was ended. */
  | { type: "thread.ended" };

/** Milliseconds when the machine runs by itself; main resolves them from options and deadline. */
export const shardDelays = {
  startDeadline: 30_000,
  shutdownDeadline: 8_000,
  /** The deadline and a little more: what a thread may take to force the rest and return its totals. */
  killDeadline: 8_250,
  /** What is left of the second of grace; a thread that is not gone by then is inside a native call. */
  endDeadline: 350,
} as const;
export type ShardDelay = keyof typeof shardDelays;

const named = (): void => {};

/**
 * One shard: a worker thread and the connections on it. It runs in main, so that
 * it keeps its word when the thread is blocked or gone.
 *
 * @example
 * ```ts
 * import { shardMachine } from "sluice/machines";
 * import { initialTransition } from "xstate";
 *
 * const [snapshot] = initialTransition(shardMachine);
 * console.log(snapshot.value); // starting
 * ```
 */
export const shardMachine = setup({
  types: { events: {} as ShardEvent },
  delays: shardDelays,
  actions: {
    announceServing: named,
    broadcastShutdown: named,
    broadcastCallOff: named,
    broadcastForce: named,
    killThread: (_, _params: { cause: "start" | "deadline" }) => {},
    settleTotals: named,
  },
}).createMachine({
  id: "shard",
  initial: "starting",
  states: {
    starting: {
      description: "the thread loads the handlers",
      after: {
        startDeadline: {
          target: "ending",
          actions: { type: "killThread", params: { cause: "start" } },
        },
      },
      on: {
        "shard.ready": { target: "serving", actions: "announceServing" },
        "shutdown.requested": {
          target: "closing",
          actions: "broadcastShutdown",
        },
        "deadline.reached": {
          target: "ending",
          actions: { type: "killThread", params: { cause: "deadline" } },
        },
        "thread.ended": "terminated",
      },
    },
    serving: {
      description: "the thread runs the connections that it has",
      initial: "accepting",
      on: {
        "shutdown.requested": {
          target: "closing",
          actions: "broadcastShutdown",
        },
        "deadline.reached": { target: "draining", actions: "broadcastForce" },
        "thread.ended": "terminated",
      },
      states: {
        accepting: {
          description: "serves what it has, takes new sockets",
          on: { "shard.suspended": "suspended" },
        },
        suspended: {
          description: "serves what it has, takes no new socket",
          on: { "shard.resumed": "accepting" },
        },
      },
    },
    closing: {
      description: "starts each connection's closing, at the pace it was given",
      after: {
        shutdownDeadline: { target: "draining", actions: "broadcastForce" },
      },
      on: {
        "shard.told": "draining",
        "shutdown.calledOff": {
          target: "serving",
          actions: "broadcastCallOff",
        },
        "shutdown.requested": {
          target: "closing",
          reenter: true,
          actions: "broadcastShutdown",
        },
        "deadline.reached": { target: "draining", actions: "broadcastForce" },
        "thread.ended": "terminated",
      },
    },
    draining: {
      description: "every connection has been told; waits for the last",
      after: {
        killDeadline: {
          target: "ending",
          actions: { type: "killThread", params: { cause: "deadline" } },
        },
      },
      on: {
        "shutdown.calledOff": {
          target: "serving",
          actions: "broadcastCallOff",
        },
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
        "thread.ended": "terminated",
      },
    },
    ending: {
      description: "the thread is being ended",
      after: { endDeadline: "terminated" },
      on: { "thread.ended": "terminated" },
    },
    terminated: {
      type: "final",
      description: "the thread is gone; its totals are known",
      entry: "settleTotals",
    },
  },
});
