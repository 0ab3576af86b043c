import { setup } from "xstate";

/** Facts that a client's machine takes. */
export const clientEvents = [
  "open.requested",
  "close.requested",
  "address.ready",
  "address.failed",
  "address.refused",
  "socket.opened",
  "socket.lost",
  "socket.dismissed",
  "server.heard",
  "page.woke",
  "network.left",
  "network.came",
  "appointment.given",
] as const;
export type ClientEventType = (typeof clientEvents)[number];

/** Milliseconds when the machine runs by itself; the client resolves `turn` and `quiet` by what it knows. */
export const clientDelays = {
  /** Until the client comes back: its appointment, or a back-off by its failures. */
  turn: 500,
  /** The system may be wrong when it says that there is no network. */
  longestOffline: 60_000,
  addressDeadline: 10_000,
  connectDeadline: 10_000,
  /** Silence after which the server is asked whether it is there. */
  quiet: 30_000,
  probeDeadline: 5_000,
  closeDeadline: 3_000,
} as const;
export type ClientDelay = keyof typeof clientDelays;

export type ClientActionType =
  | "askForAddress"
  | "stopAsking"
  | "makeSocket"
  | "dropSocket"
  | "sendProbe"
  | "sendClose"
  | "countFailure"
  | "judgeOpen"
  | "setTurn"
  | "hasten"
  | "announceOpen"
  | "announceInterruption"
  | "announceEnd";

const named = (): void => {};

/** Of each way into `waiting` but that back from `offline`: a wait is told once. */
const interrupted = ["setTurn", "announceInterruption"] as const;

/**
 * A client that comes back: one socket at a time, at the moment that its server
 * has given it, or after a back-off. Every state but the first and the last has
 * a delay, so that it goes on whoever is silent.
 *
 * @example
 * ```ts
 * import { clientMachine } from "sluice/machines";
 * import { initialTransition } from "xstate";
 *
 * const [snapshot] = initialTransition(clientMachine);
 * console.log(snapshot.value); // resting
 * ```
 */
export const clientMachine = setup({
  types: { events: {} as { type: ClientEventType } },
  delays: clientDelays,
  actions: {
    askForAddress: named,
    stopAsking: named,
    makeSocket: named,
    dropSocket: named,
    sendProbe: named,
    sendClose: named,
    countFailure: named,
    judgeOpen: named,
    setTurn: named,
    hasten: named,
    announceOpen: named,
    announceInterruption: named,
    announceEnd: named,
  } satisfies Record<ClientActionType, () => void>,
}).createMachine({
  id: "client",
  initial: "resting",
  states: {
    resting: {
      description: "has not been asked to connect",
      on: { "open.requested": "preparing", "close.requested": "closed" },
    },
    preparing: {
      description: "asks for the address, anew before each attempt",
      entry: "askForAddress",
      exit: "stopAsking",
      after: {
        addressDeadline: {
          target: "waiting",
          actions: ["countFailure", ...interrupted],
        },
      },
      on: {
        "address.ready": "connecting",
        "address.failed": {
          target: "waiting",
          actions: ["countFailure", ...interrupted],
        },
        "address.refused": "closed",
        "close.requested": "closed",
      },
    },
    connecting: {
      description: "the opening handshake is under way",
      entry: "makeSocket",
      after: {
        connectDeadline: {
          target: "waiting",
          actions: ["dropSocket", "countFailure", ...interrupted],
        },
      },
      on: {
        "socket.opened": "open",
        "socket.lost": {
          target: "waiting",
          actions: ["dropSocket", "countFailure", ...interrupted],
        },
        "socket.dismissed": { target: "closed", actions: "dropSocket" },
        "close.requested": { target: "closed", actions: "dropSocket" },
      },
    },
    open: {
      initial: "healthy",
      entry: "announceOpen",
      states: {
        healthy: {
          description: "the server was heard, or need not be",
          after: { quiet: "probing" },
          on: {
            // What is heard arms the delay, not its own end: browsers put off
            // the timers of hidden pages that timers arm.
            "server.heard": { target: "healthy", reenter: true },
            "page.woke": "probing",
            "network.came": "probing",
            "network.left": "probing",
          },
        },
        probing: {
          description: "asks the server whether it is there",
          entry: "sendProbe",
          after: {
            probeDeadline: {
              target: "#client.waiting",
              actions: ["dropSocket", "judgeOpen", ...interrupted],
            },
          },
          on: { "server.heard": "healthy" },
        },
      },
      on: {
        "socket.lost": {
          target: "waiting",
          actions: ["dropSocket", "judgeOpen", ...interrupted],
        },
        "socket.dismissed": { target: "closed", actions: "dropSocket" },
        "close.requested": "closing",
      },
    },
    waiting: {
      description: "comes back when its time has come",
      initial: "backingOff",
      states: {
        backingOff: {
          description: "nobody has said when: a random time",
          after: { turn: "#client.preparing" },
          on: {
            "appointment.given": "appointed",
            "network.came": "#client.preparing",
            "page.woke": "#client.preparing",
          },
        },
        appointed: {
          description: "the server has said when: not earlier",
          after: { turn: "#client.preparing" },
          on: {
            // Timers may have stood still meanwhile: the clock decides.
            "page.woke": { target: "appointed", reenter: true },
            "network.came": { target: "appointed", reenter: true },
          },
        },
      },
      on: {
        "network.left": "offline",
        "open.requested": "preparing",
        "close.requested": "closed",
      },
    },
    offline: {
      description: "the system says that there is no network",
      after: { longestOffline: "preparing" },
      on: {
        "network.came": { target: "waiting", actions: "hasten" },
        "open.requested": "preparing",
        "close.requested": "closed",
      },
    },
    closing: {
      description: "our close frame is out, the server's awaited",
      entry: "sendClose",
      after: { closeDeadline: { target: "closed", actions: "dropSocket" } },
      on: {
        "socket.lost": { target: "closed", actions: "dropSocket" },
        "socket.dismissed": { target: "closed", actions: "dropSocket" },
      },
    },
    closed: {
      type: "final",
      description: "nothing more is heard or said",
      entry: "announceEnd",
    },
  },
});
