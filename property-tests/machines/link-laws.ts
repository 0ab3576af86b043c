import { delayNameOf, type Move } from "./exploration.ts";
import { count, ifThen, isArrival, type Law, type Lived } from "./law.ts";

/** What was done with the link so far. */
export interface LinkHistory {
  /** It is to stop. */
  readonly isStopping: boolean;
  /** The other side hears us: opened, and not lost since. */
  readonly isUp: boolean;
  readonly closed: number;
}

export const unlinked: LinkHistory = {
  isStopping: false,
  isUp: false,
  closed: 0,
};

const OPENED = /^link\.(opened|reopened)$/;

export function rememberLink(
  before: LinkHistory,
  { source, event, verbs }: Pick<Move, "source" | "event" | "verbs">,
): LinkHistory {
  const isOpened = source === "connecting" && OPENED.test(event);
  return {
    isStopping: before.isStopping || event === "stop.requested",
    isUp: isOpened || (before.isUp && event !== "link.lost"),
    closed: verbs.reduce(
      (closed, { type }) => Math.min(2, closed + Number(type === "closeLink")),
      before.closed,
    ),
  };
}

/** Connected, a link may stay for ever. */
export const isLinkLasting = (state: string): boolean =>
  state === "connected" || state === "closed";

const isEnding = (state: string): boolean =>
  state === "flushing" || state === "closed";

/** Entered, also from itself. */
const isEntered = (move: Lived<LinkHistory>, state: string): boolean =>
  move.target === state && !move.isIgnored;

export const linkLaws: readonly Law<LinkHistory>[] = [
  {
    name: "closed is never left, and does nothing",
    holds: (move) => ifThen(move.source === "closed", () => move.isIgnored),
  },
  {
    name: "the link is closed exactly once, at the end",
    holds: ({ target, after }) => after.closed === Number(target === "closed"),
  },
  {
    name: "asked to stop, it ends and begins nothing any more; not asked, it never ends",
    holds: ({ target, after }) => isEnding(target) === after.isStopping,
  },
  {
    name: "a link that is up is flushed before it is closed, and only then",
    holds: (move) =>
      count(move, "flushLink") === Number(isArrival(move, "flushing")) &&
      ifThen(
        move.event === "stop.requested" && move.source !== "closed",
        () =>
          isEnding(move.source) ||
          move.target === (move.before.isUp ? "flushing" : "closed"),
      ),
  },
  {
    name: "flushing ends when everything is out, or nothing can go out any more",
    holds: ({ source, event, target }) =>
      ifThen(
        source === "flushing",
        () =>
          (target === "closed") ===
          (/^link\.(flushed|lost)$/.test(event) ||
            delayNameOf(event) === "flushDeadline"),
      ),
  },
  {
    name: "an attempt begins whenever connecting is entered, and is dropped when it takes too long",
    holds: (move) =>
      count(move, "openLink") === Number(isEntered(move, "connecting")) &&
      count(move, "dropLink") ===
        Number(
          move.source === "connecting" &&
            delayNameOf(move.event) === "connectDeadline",
        ),
  },
  {
    name: "an attempt that fails or takes too long is followed by a pause, and the pause by another",
    holds: ({ source, event, target }) =>
      ifThen(
        source === "connecting" &&
          (event === "link.failed" || delayNameOf(event) === "connectDeadline"),
        () => target === "backingOff",
      ) &&
      ifThen(
        source === "backingOff" && delayNameOf(event) === "backOff",
        () => target === "connecting",
      ),
  },
  {
    name: "everything is subscribed to again whenever the link is opened, and only then",
    holds: (move) =>
      count(move, "subscribeAgain") ===
      Number(move.source === "connecting" && OPENED.test(move.event)),
  },
  {
    name: "opened first it is connected at once; reopened it waits for the others",
    holds: ({ source, event, target }) =>
      ifThen(
        source === "connecting" && event === "link.opened",
        () => target === "connected",
      ) &&
      ifThen(
        source === "connecting" && event === "link.reopened",
        () => target === "resuming",
      ) &&
      ifThen(
        source === "resuming" && delayNameOf(event) === "resumeDelay",
        () => target === "connected",
      ),
  },
  {
    name: "what was held back is sent once the others are there, or when there is no more time to wait",
    holds: (move) =>
      count(move, "sendHeld") ===
      Number(
        isArrival(move, "connected") ||
          (move.source === "resuming" && move.event === "stop.requested"),
      ),
  },
  {
    name: "a link that is lost backs off, unless it is to stop",
    holds: ({ event, before, target }) =>
      ifThen(
        event === "link.lost" && before.isUp && !before.isStopping,
        () => target === "backingOff",
      ),
  },
  {
    name: "what is up is resuming, connected or flushed, and nothing else is",
    holds: ({ target, after }) =>
      target === "closed" ||
      after.isUp === /^(resuming|connected|flushing)$/.test(target),
  },
  {
    name: "leaving a state stops its delay, entering one arms its own, and nothing else does",
    holds: ({ source, target, isIgnored, cancels, arms }) =>
      isIgnored
        ? cancels === 0 && arms.length === 0
        : cancels === (isLinkLasting(source) ? 0 : 1) &&
          arms.length === (isLinkLasting(target) ? 0 : 1),
  },
];
