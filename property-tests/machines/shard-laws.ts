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

/** What main has asked of a thread so far, and what became of it. */
export interface ShardHistory {
  readonly announced: boolean;
  /** The shutdown under way has been broadcast. */
  readonly told: boolean;
  readonly kills: number;
  readonly totals: number;
}

export const unstarted: ShardHistory = {
  announced: false,
  told: false,
  kills: 0,
  totals: 0,
};

export function rememberShard(
  before: ShardHistory,
  { verbs }: Pick<Move, "verbs">,
): ShardHistory {
  return verbs.reduce((history, { type }) => {
    switch (type) {
      case "announceServing":
        return { ...history, announced: true };
      case "broadcastShutdown":
        return { ...history, told: true };
      case "broadcastCallOff":
        return { ...history, told: false };
      case "killThread":
        return { ...history, kills: Math.min(history.kills + 1, 2) };
      case "settleTotals":
        return { ...history, totals: Math.min(history.totals + 1, 2) };
      default:
        return history;
    }
  }, before);
}

type Moved = Lived<ShardHistory>;

/** Serving, a shard may stay for ever. */
export const isShardLasting = (state: string): boolean =>
  isIn(state, "serving") || state === "terminated";

/** The delay of this very state has run out. */
const ranOut = ({ source, event }: Moved, delay: string): boolean =>
  delayNameOf(event) === delay && event.endsWith(`.${source}`);

const isStopping = (state: string): boolean =>
  state === "closing" || state === "draining";

export const shardLaws: readonly Law<ShardHistory>[] = [
  {
    name: "terminated is never left, and does nothing",
    holds: (move) =>
      ifThen(
        move.source === "terminated",
        () => move.isIgnored && move.target === "terminated",
      ),
  },
  {
    name: "a thread that has ended terminates its shard, whatever its state",
    holds: ({ event, target }) =>
      ifThen(event === "thread.ended", () => target === "terminated"),
  },
  {
    name: "terminated is reached when the thread has ended, or did not although it was killed",
    holds: (move) =>
      ifThen(
        isArrival(move, "terminated"),
        () =>
          move.event === "thread.ended" ||
          (move.before.kills === 1 && ranOut(move, "endDeadline")),
      ),
  },
  {
    name: "the totals are settled exactly once, when the shard terminates",
    holds: ({ target, after }) =>
      after.totals === (target === "terminated" ? 1 : 0),
  },
  {
    name: "it serves once the thread is ready, and says so once",
    holds: (move) =>
      move.source === "starting" && move.event === "shard.ready"
        ? said(move) === "announceServing" &&
          move.target === "serving.accepting"
        : count(move, "announceServing") === 0,
  },
  {
    name: "it never starts again",
    holds: ({ source, target }) =>
      ifThen(target === "starting", () => source === "starting"),
  },
  {
    name: "it is suspended and resumed while it serves, without a word",
    holds: (move) =>
      ifThen(isIn(move.source, "serving"), () => {
        if (move.event === "shard.suspended")
          return move.target === "serving.suspended" && move.verbs.length === 0;
        if (move.event === "shard.resumed")
          return move.target === "serving.accepting" && move.verbs.length === 0;
        return move.isIgnored || !isIn(move.target, "serving");
      }),
  },
  {
    name: "a shutdown is broadcast each time it is requested, and never otherwise",
    holds: (move) =>
      move.event === "shutdown.requested" &&
      move.source !== "ending" &&
      move.source !== "terminated"
        ? said(move) === "broadcastShutdown" &&
          move.target === (move.source === "draining" ? "draining" : "closing")
        : count(move, "broadcastShutdown") === 0,
  },
  {
    name: "closing begins with the broadcast of the shutdown",
    holds: ({ target, after }) =>
      ifThen(target === "closing", () => after.told),
  },
  {
    name: "draining begins once everyone is told, or at the deadline and not without force",
    holds: (move) =>
      ifThen(isArrival(move, "draining"), () =>
        move.event === "shard.told"
          ? move.source === "closing" && move.verbs.length === 0
          : (ranOut(move, "shutdownDeadline") ||
              move.event === "deadline.reached") &&
            said(move) === "broadcastForce",
      ) &&
      ifThen(
        move.source === "closing" &&
          (move.event === "shard.told" || ranOut(move, "shutdownDeadline")),
        () => move.target === "draining",
      ),
  },
  {
    name: "the deadline forces every connection, and ends a thread that has not even started",
    holds: (move) =>
      ifThen(
        move.event === "deadline.reached" &&
          move.source !== "ending" &&
          move.source !== "terminated",
        () =>
          move.source === "starting"
            ? said(move) === "killThread(deadline)" && move.target === "ending"
            : said(move) === "broadcastForce" && move.target === "draining",
      ),
  },
  {
    name: "connections are forced at the deadline only",
    holds: (move) =>
      ifThen(
        count(move, "broadcastForce") > 0,
        () =>
          move.event === "deadline.reached" || ranOut(move, "shutdownDeadline"),
      ),
  },
  {
    name: "a thread is killed after the deadline only, or when it does not start, and for that cause",
    holds: (move) =>
      ranOut(move, "startDeadline")
        ? said(move) === "killThread(start)"
        : ranOut(move, "killDeadline")
          ? said(move) === "killThread(deadline)"
          : ifThen(
              count(move, "killThread") > 0,
              () =>
                move.source === "starting" && move.event === "deadline.reached",
            ),
  },
  {
    name: "a thread is killed at most once, and is then only waited for",
    holds: ({ target, after, source }) =>
      after.kills <= 1 &&
      ifThen(target === "ending", () => after.kills === 1) &&
      ifThen(
        source === "ending",
        () => target === "ending" || target === "terminated",
      ),
  },
  {
    name: "called off, whoever was stopping serves again, and its thread hears of it",
    holds: (move) =>
      move.event === "shutdown.calledOff" && isStopping(move.source)
        ? said(move) === "broadcastCallOff" &&
          move.target === "serving.accepting"
        : count(move, "broadcastCallOff") === 0 &&
          ifThen(move.event === "shutdown.calledOff", () => move.isIgnored),
  },
  {
    name: "serving, nobody has been told to go without having been told to stay",
    holds: ({ target, after }) =>
      ifThen(isIn(target, "serving"), () => !after.told),
  },
  {
    name: "leaving a state stops its delay, entering one arms its own, and nothing else does",
    holds: ({ source, target, isIgnored, cancels, arms }) =>
      isIgnored
        ? cancels === 0 && arms.length === 0
        : cancels === (isShardLasting(source) ? 0 : 1) &&
          arms.length === (isShardLasting(target) ? 0 : 1),
  },
];
