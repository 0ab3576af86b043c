import { delayNameOf, type Move } from "./exploration.ts";
import {
  count,
  ifThen,
  isArrival,
  isIn,
  type Law,
  type Lived,
  said,
} from "./law.ts";

/** What the server has done so far with its readiness, its listener and its shards. */
export interface ServerHistory {
  /** It waits for its turn among other instances. */
  readonly isQueued: boolean;
  readonly isReady: boolean;
  /** The socket listens; so it did when the server began to listen. */
  readonly accepts: boolean;
  /** The shutdown under way has been broadcast. */
  readonly told: boolean;
  readonly killed: boolean;
  readonly reports: number;
}

export const unbound: ServerHistory = {
  isQueued: false,
  isReady: false,
  accepts: false,
  told: false,
  killed: false,
  reports: 0,
};

export function rememberServer(
  before: ServerHistory,
  { source, event, verbs }: Pick<Move, "source" | "event" | "verbs">,
): ServerHistory {
  const heard =
    event === "server.listening" && source === "starting"
      ? { ...before, accepts: true }
      : before;
  return verbs.reduce((history, { type }) => {
    switch (type) {
      case "awaitTurn":
        return { ...history, isQueued: true };
      case "leaveQueue":
        return { ...history, isQueued: false };
      case "announceReady":
        return { ...history, isReady: true };
      case "withdrawReadiness":
        return { ...history, isReady: false };
      case "suspendListener":
        return { ...history, accepts: false };
      case "resumeListener":
        return { ...history, accepts: true };
      case "broadcastShutdown":
      // Whoever is forced and was not told to shut down is told by that.
      case "broadcastForce":
        return { ...history, told: true };
      case "broadcastCallOff":
        return { ...history, told: false };
      case "killShards":
        return { ...history, killed: true };
      case "completeReport":
        return { ...history, reports: Math.min(history.reports + 1, 2) };
      default:
        return history;
    }
  }, heard);
}

type Moved = Lived<ServerHistory>;

/** Listening, a server may stay for ever. */
export const isServerLasting = (state: string): boolean =>
  state === "listening" || state === "terminated";

const QUEUEING = "closing.queueing";

const ranOut = ({ source, event }: Moved, delay: string): boolean =>
  delayNameOf(event) === delay && event.endsWith(`.${source}`);

/** No later shutdown, force or call-off begins anything. */
const isBeforeStop = (state: string): boolean =>
  state === "starting" || state === "listening";

export const serverLaws: readonly Law<ServerHistory>[] = [
  {
    name: "terminated is never left, and does nothing",
    holds: (move) =>
      ifThen(
        move.source === "terminated",
        () => move.isIgnored && move.target === "terminated",
      ),
  },
  {
    name: "the report is completed exactly once, when the server terminates",
    holds: ({ target, after }) =>
      after.reports === (target === "terminated" ? 1 : 0),
  },
  {
    name: "it terminates when every shard has, or was killed for not having",
    holds: (move) =>
      ifThen(isArrival(move, "terminated"), () =>
        move.event === "shards.terminated"
          ? said(move).endsWith("completeReport") &&
            count(move, "killShards") === 0
          : ranOut(move, "reportDeadline") &&
            said(move) === "killShards completeReport",
      ) &&
      ifThen(
        move.event === "shards.terminated" && !isBeforeStop(move.source),
        () => move.target === "terminated",
      ),
  },
  {
    name: "it is ready exactly while it listens or waits for its turn",
    holds: ({ target, after }) =>
      after.isReady === (target === "listening" || target === QUEUEING),
  },
  {
    name: "readiness is told when it changes, or when a start is broken off",
    holds: (move) =>
      ifThen(count(move, "announceReady") > 0, () => !move.before.isReady) &&
      count(move, "withdrawReadiness") ===
        Number(
          (move.before.isReady && !move.after.isReady) ||
            (move.source === "starting" && isArrival(move, "closing")),
        ),
  },
  {
    name: "it accepts while it listens and until load balancers have noticed, and not after",
    holds: ({ target, after }) =>
      ifThen(target === "listening", () => after.accepts) &&
      ifThen(
        target === "closing.broadcasting" ||
          target === "draining" ||
          target === "terminated",
        () => !after.accepts,
      ),
  },
  {
    name: "the listener is suspended before anyone is told, and resumed after those were told to stay",
    holds: ({ verbs, before }) => {
      let { accepts, told } = before;
      return verbs.every(({ type }) => {
        if (type === "suspendListener") accepts = false;
        if (type === "broadcastShutdown") told = true;
        if (type === "broadcastCallOff") told = false;
        if (type === "resumeListener") accepts = true;
        return !(accepts && told);
      });
    },
  },
  {
    name: "shards are told of a shutdown when closing broadcasts, and never while it withdraws or listens",
    holds: ({ target, after }) =>
      ifThen(target === "closing.broadcasting", () => after.told) &&
      ifThen(
        target === "closing.withdrawing" ||
          target === QUEUEING ||
          target === "listening",
        () => !after.told,
      ),
  },
  {
    name: "whoever drains has been told to, or was killed at its start",
    holds: ({ target, after }) =>
      ifThen(target === "draining", () => after.told || after.killed),
  },
  {
    name: "it joins the queue once for each wait, and is in it exactly while it waits for its turn",
    holds: (move) =>
      move.after.isQueued === (move.target === QUEUEING) &&
      count(move, "awaitTurn") === Number(isArrival(move, QUEUEING)) &&
      count(move, "leaveQueue") ===
        Number(move.before.isQueued && !move.after.isQueued) &&
      (move.source === "listening" && move.event === "shutdown.queued") ===
        isArrival(move, QUEUEING),
  },
  {
    name: "when its turn has come, or has not in time, load balancers are next to notice",
    holds: (move) =>
      ifThen(
        move.source === QUEUEING &&
          (move.event === "turn.granted" || ranOut(move, "turnDeadline")),
        () => move.target === "closing.withdrawing",
      ),
  },
  {
    name: "a shutdown waits for load balancers if there may be any, and then tells everyone",
    holds: (move) =>
      ifThen(move.event === "shutdown.requested", () =>
        move.source === "listening"
          ? move.target === "closing.withdrawing"
          : ifThen(
              move.source === "starting",
              () => move.target === "closing.broadcasting",
            ),
      ) &&
      ifThen(
        ranOut(move, "withdrawalDelay"),
        () =>
          move.target === "closing.broadcasting" &&
          said(move) === "suspendListener broadcastShutdown",
      ),
  },
  {
    name: "a second shutdown says the same again where it was said, with the delay armed anew, and nothing else",
    holds: (move) =>
      ifThen(
        move.event === "shutdown.requested" &&
          !isBeforeStop(move.source) &&
          move.source !== "terminated",
        () =>
          move.target === move.source &&
          move.cancels === 1 &&
          move.arms.length === 1 &&
          said(move) ===
            {
              [QUEUEING]: "",
              "closing.withdrawing": "",
              "closing.broadcasting": "suspendListener broadcastShutdown",
              draining: "broadcastShutdown",
            }[move.source],
      ),
  },
  {
    name: "called off, whoever was closing listens again, and shards hear of it if they were told",
    holds: (move) =>
      move.event === "shutdown.calledOff" && isIn(move.source, "closing")
        ? move.target === "listening" &&
          count(move, "broadcastCallOff") === Number(move.before.told) &&
          count(move, "resumeListener") === Number(!move.before.accepts)
        : count(move, "broadcastCallOff") + count(move, "resumeListener") ===
            0 &&
          ifThen(move.event === "shutdown.calledOff", () => move.isIgnored),
  },
  {
    name: "it drains once every shard has told, at the deadline and not without force, or when it cannot start",
    holds: (move) =>
      ifThen(isArrival(move, "draining"), () => {
        if (move.event === "shards.told")
          return (
            move.source === "closing.broadcasting" && move.verbs.length === 0
          );
        if (ranOut(move, "startDeadline") || move.event === "server.failed")
          return move.source === "starting" && said(move) === "killShards";
        return (
          (ranOut(move, "shutdownDeadline") ||
            move.event === "deadline.reached") &&
          said(move).endsWith("broadcastForce")
        );
      }) &&
      ifThen(
        (move.source === "closing.broadcasting" &&
          move.event === "shards.told") ||
          ranOut(move, "shutdownDeadline") ||
          ranOut(move, "startDeadline") ||
          (move.source === "starting" && move.event === "server.failed"),
        () => move.target === "draining",
      ),
  },
  {
    name: "the deadline forces every shard, once each time it is reached",
    holds: (move) =>
      (move.event === "deadline.reached" && move.source !== "terminated") ||
      ranOut(move, "shutdownDeadline")
        ? move.target === "draining" && count(move, "broadcastForce") === 1
        : count(move, "broadcastForce") === 0,
  },
  {
    name: "shards are killed when they outlast the deadline and its grace, or when the server cannot start",
    holds: (move) =>
      ranOut(move, "reportDeadline") ||
      ranOut(move, "startDeadline") ||
      (move.source === "starting" && move.event === "server.failed")
        ? count(move, "killShards") === 1
        : count(move, "killShards") === 0,
  },
  {
    name: "a server that fails while it listens or waits for its turn tells everyone at once",
    holds: (move) =>
      ifThen(
        (move.source === "listening" || move.source === QUEUEING) &&
          move.event === "server.failed",
        () =>
          move.target === "closing.broadcasting" &&
          said(move).endsWith(
            "withdrawReadiness suspendListener broadcastShutdown",
          ),
      ),
  },
  {
    name: "it listens once everything serves, and never starts again",
    holds: ({ source, event, target }) =>
      ifThen(
        source === "starting" && event === "server.listening",
        () => target === "listening",
      ) &&
      ifThen(target === "starting", () => source === "starting") &&
      ifThen(
        target === "listening" && source !== "listening",
        () => source === "starting" || isIn(source, "closing"),
      ),
  },
  {
    name: "leaving a state stops its delay, entering one arms its own, and nothing else does",
    holds: ({ source, target, isIgnored, cancels, arms }) =>
      isIgnored
        ? cancels === 0 && arms.length === 0
        : cancels === (isServerLasting(source) ? 0 : 1) &&
          arms.length === (isServerLasting(target) ? 0 : 1),
  },
];
