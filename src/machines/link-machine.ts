import { setup } from "xstate";

/** Facts about the link to the other instances of a cluster. */
export type LinkEvent =
  /** For the first time. */
  | { type: "link.opened" }
  /** After it was lost. */
  | { type: "link.reopened" }
  | { type: "link.failed" }
  | { type: "link.lost" }
  /** Everything that was sent has reached the other side. */
  | { type: "link.flushed" }
  | { type: "stop.requested" };

/** Milliseconds when the machine runs by itself; main resolves back-off by the number of failures. */
export const linkDelays = {
  connectDeadline: 5_000,
  backOff: 250,
  /** Time for the other instances to be back as well, before what was held for them is sent. */
  resumeDelay: 500,
  flushDeadline: 1_000,
} as const;
export type LinkDelay = keyof typeof linkDelays;

const named = (): void => {};

/**
 * The link to the other instances: away it holds messages back, and it comes back by itself.
 *
 * @example
 * ```ts
 * import { linkMachine } from "sluice/machines";
 * import { initialTransition } from "xstate";
 *
 * const [snapshot] = initialTransition(linkMachine);
 * console.log(snapshot.value); // connecting
 * ```
 */
export const linkMachine = setup({
  types: { events: {} as LinkEvent },
  delays: linkDelays,
  actions: {
    openLink: named,
    dropLink: named,
    subscribeAgain: named,
    sendHeld: named,
    flushLink: named,
    closeLink: named,
  },
}).createMachine({
  id: "link",
  initial: "connecting",
  states: {
    connecting: {
      description: "an attempt to reach the other side is under way",
      entry: "openLink",
      after: {
        connectDeadline: { target: "backingOff", actions: "dropLink" },
      },
      on: {
        "link.opened": { target: "connected", actions: "subscribeAgain" },
        "link.reopened": { target: "resuming", actions: "subscribeAgain" },
        "link.failed": "backingOff",
        "stop.requested": "closed",
      },
    },
    backingOff: {
      description: "waits before the next attempt, longer each time",
      after: { backOff: "connecting" },
      on: { "stop.requested": "closed" },
    },
    resuming: {
      description: "hears the others; still holds back what is for them",
      after: { resumeDelay: "connected" },
      on: {
        "link.lost": "backingOff",
        "stop.requested": { target: "flushing", actions: "sendHeld" },
      },
    },
    connected: {
      description: "what is published here is heard there",
      entry: "sendHeld",
      on: {
        "link.lost": "backingOff",
        "stop.requested": "flushing",
      },
    },
    flushing: {
      description: "what was sent is on its way out",
      entry: "flushLink",
      after: { flushDeadline: "closed" },
      on: { "link.flushed": "closed", "link.lost": "closed" },
    },
    closed: {
      type: "final",
      description: "nothing of the link is left",
      entry: "closeLink",
    },
  },
});
