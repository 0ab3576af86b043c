import { delayNameOf, type Verb } from "./exploration.ts";

/** What a connection's life came to so far: a summary, finite, of all that laws ask of the past. */
export interface History {
  /** The acceptance was written. */
  readonly opened: boolean;
  readonly refusals: number;
  /** What became of the last request of plain HTTP; `none` before the first, and while the next one is read. */
  readonly request: "none" | "unanswered" | "failed" | "answered";
  /** A shutdown was requested while it lived. */
  readonly told: boolean;
  /** Causes for which closing began. */
  readonly closings: readonly string[];
  readonly closeFrames: number;
  /** Our close frame is in the kernel. */
  readonly flushed: boolean;
  /** What the peer did to end the conversation; the first thing counts. */
  readonly peer: "silent" | "closed" | "violated";
  /** We have ended TCP. */
  readonly tcpEnded: number;
  readonly congested: boolean;
  /** On its way to another thread. */
  readonly moving: boolean;
  readonly outcomes: readonly string[];
  readonly releases: number;
}

export const unborn: History = {
  opened: false,
  refusals: 0,
  request: "none",
  told: false,
  closings: [],
  closeFrames: 0,
  flushed: false,
  peer: "silent",
  tcpEnded: 0,
  congested: false,
  moving: false,
  outcomes: [],
  releases: 0,
};

/** Verbs after which the peer has something to read. */
export const SENDING: ReadonlySet<string> = new Set([
  "writeAcceptance",
  "writeRefusal",
  "writeFailure",
  "sendPing",
  "sayLastWord",
  "sendCloseFrame",
]);

/** Counting ends at two: a third would break no other law. */
const atMostTwo = (count: number): number => Math.min(count, 2);

/** Adds an event, and what the machine did about it, to a history. */
export function remember(
  before: History,
  { event, verbs }: { event: string; verbs: readonly Verb[] },
): History {
  return verbs.reduce(heed, hear(before, event));
}

/** The facts: what has happened, whether the machine cares or not. */
function hear(before: History, event: string): History {
  const { opened, peer, closeFrames, outcomes } = before;
  if (outcomes.length > 0) return before;
  const isSilent = opened && peer === "silent";
  switch (event) {
    case "shutdown.requested":
      return before.told ? before : { ...before, told: true };
    case "buffer.flushed":
      return closeFrames > 0 && !before.flushed
        ? { ...before, flushed: true }
        : before;
    case "peer.closed":
      return isSilent ? { ...before, peer: "closed" } : before;
    case "protocol.violated":
      return isSilent ? { ...before, peer: "violated" } : before;
    default:
      return before;
  }
}

/** The deeds. */
function heed(before: History, { type, params }: Verb): History {
  switch (type) {
    case "writeAcceptance":
      return { ...before, opened: true };
    case "writeRefusal":
      return { ...before, refusals: atMostTwo(before.refusals + 1) };
    case "beginClosing":
      return {
        ...before,
        // Whoever was on its way to another thread closes in this one.
        moving: false,
        closings: [...before.closings, String(params?.["cause"])].slice(0, 2),
      };
    case "serveRequest":
      return { ...before, request: "unanswered" };
    case "writeFailure":
      return { ...before, request: "failed" };
    case "awaitRequest":
      return { ...before, request: "answered" };
    case "beginRequest":
      return { ...before, request: "none" };
    case "sendCloseFrame":
      return { ...before, closeFrames: atMostTwo(before.closeFrames + 1) };
    case "endSocket":
      return {
        ...before,
        request: before.request === "unanswered" ? "answered" : before.request,
        tcpEnded: atMostTwo(before.tcpEnded + 1),
      };
    case "beginMove":
      return { ...before, moving: true };
    case "endMove":
    case "announceArrival":
      return { ...before, moving: false };
    case "announceCongestion":
      return { ...before, congested: true };
    case "announceRelief":
      return { ...before, congested: false };
    case "settle":
      return {
        ...before,
        moving: false,
        outcomes: [...before.outcomes, String(params?.["outcome"])].slice(0, 2),
      };
    case "release":
      return { ...before, releases: atMostTwo(before.releases + 1) };
    default:
      return before;
  }
}

/**
 * The outcome that a history deserves, by the ledger's own definitions and
 * without a look at the machine.
 *
 * @param event - What ended it: TCP's end, or a time that was up.
 */
export function deservedOutcome(history: History, event: string): string {
  const { opened, flushed, peer, closings } = history;
  if (!opened)
    switch (history.request) {
      case "none":
        return "rejected";
      case "answered":
        return "served";
      case "unanswered":
      case "failed":
        return "cut";
    }
  if (flushed && peer === "closed") return "clean";
  if (flushed && peer === "violated") return "unacknowledged";
  if (event === "socket.closed") return "lost";
  // Time was up. Whoever was never to be told goodbye has failed its heartbeat.
  if (closings.length === 0)
    return delayNameOf(event) === "pongDeadline" ? "lost" : "none";
  return flushed ? "unacknowledged" : "forced";
}
