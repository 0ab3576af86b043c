import {
  deservedOutcome,
  type History,
  SENDING,
} from "./connection-history.ts";
import { delayNameOf } from "./exploration.ts";
import { ifThen, isArrival, isIn, type Law, type Lived, said } from "./law.ts";

type Moved = Lived<History>;

const MOVING = "open.moving";

/** Waits for the compressor before it says goodbye. */
const isCompressing = (state: string): boolean =>
  /^draining\.compressing(Answer|Failure)?$/.test(state);

const RANKS = ["upgrading", "open", "closing", "draining", "terminated"];

/** How far a life has come. Who speaks plain HTTP may still upgrade. */
const rankOf = (state: string): number =>
  RANKS.indexOf((state.split(".")[0] as string).replace("plain", "upgrading"));

/** Takes requests of plain HTTP. */
const isTaking = (state: string): boolean =>
  /^plain\.(receiving|answering|congested|idle)$/.test(state);

/** Who is to blame for a closing, by the fact that began it. */
const CAUSES: Readonly<Record<string, string>> = {
  "close.requested": "application",
  "shutdown.requested": "shutdown",
  "deadline.reached": "shutdown",
  "buffer.exceeded": "congestion",
  congestionDeadline: "congestion",
  "peer.closed": "peer",
  "protocol.violated": "protocol",
};

const REFUSALS: Readonly<Record<string, string>> = {
  "upgrade.refused": "verdict",
  "shutdown.requested": "shutting-down",
  handshakeDeadline: "handshake-deadline",
};

const because = (
  { event }: Moved,
  causes: Readonly<Record<string, string>>,
): string | undefined => causes[delayNameOf(event) ?? event];

/** The laws of one connection, whatever arrives and in whatever order. */
export const connectionLaws: readonly Law<History>[] = [
  {
    name: "nothing that matters is ignored: not a word of the peer, not a shutdown, not a flush",
    holds: ({ isIgnored, before, after }) =>
      ifThen(isIgnored, () => before === after),
  },
  {
    name: "terminated is never left, and does nothing",
    holds: (move) =>
      ifThen(
        move.source === "terminated",
        () => move.isIgnored && move.target === "terminated",
      ),
  },
  {
    name: "a life goes forward only: upgrading or plain HTTP, open, closing, draining, terminated",
    holds: ({ source, target }) => rankOf(target) >= rankOf(source),
  },
  {
    name: "plain HTTP begins with a request that is served, and each later one is judged as the first was",
    holds: (move) =>
      ifThen(isIn(move.target, "plain") && !isIn(move.source, "plain"), () =>
        said(move) === "serveRequest"
          ? move.event === "http.requested" &&
            move.source === "upgrading.handshaking" &&
            move.target === "plain.receiving"
          : false,
      ) &&
      ifThen(
        isIn(move.source, "plain") && !isIn(move.target, "plain"),
        () =>
          move.target === "terminated" ||
          (move.source === "plain.idle" &&
            move.event === "request.begun" &&
            move.target === "upgrading.handshaking" &&
            said(move) === "beginRequest"),
      ) &&
      ifThen(
        /serveRequest|beginRequest/.test(said(move)),
        () => isIn(move.source, "plain") !== isIn(move.target, "plain"),
      ),
  },
  {
    name: "a connection is idle when its request is answered, and then only",
    holds: (move) =>
      isArrival(move, "plain.idle")
        ? move.event === "request.answered" &&
          isTaking(move.source) &&
          said(move) === "awaitRequest"
        : !said(move).includes("awaitRequest"),
  },
  {
    name: "what is answered is told as served, what is not as cut: TCP of plain HTTP is ended by us once the last answer is out, and nothing is taken then",
    holds: (move) => {
      const { source, target, event, before, after } = move;
      if (!isIn(source, "plain")) return true;
      const isDue =
        event === "request.concluded" ||
        (source === "plain.finishing" && event === "request.answered") ||
        (source === "plain.idle" &&
          (event === "shutdown.requested" ||
            delayNameOf(event) === "keepAliveDeadline"));
      return (
        ifThen(
          isDue && !move.isIgnored && !isForeign(move),
          () => target === "plain.ending" && said(move) === "endSocket",
        ) &&
        ifThen(said(move).includes("endSocket"), () => isDue) &&
        ifThen(source === "plain.ending", () => !isTaking(target)) &&
        after.tcpEnded <= 1 &&
        ifThen(before.tcpEnded === 1, () => !SENDING.has(said(move)))
      );
    },
  },
  {
    name: "a request that is broken, or whose body takes too long, is given up and told why, once",
    holds: (move) =>
      isArrival(move, "plain.failing")
        ? said(move) ===
          `writeFailure(${move.event === "request.broken" ? "body" : "request-deadline"})`
        : !said(move).includes("writeFailure"),
  },
  {
    name: "a body that takes too long is awaited no longer, and a client that does not read its answer is cut",
    holds: (move) =>
      ifThen(
        move.source === "plain.receiving" &&
          delayNameOf(move.event) === "requestDeadline",
        () => move.target === "plain.failing",
      ) &&
      ifThen(
        move.source === "plain.congested" &&
          !isForeign(move) &&
          delayNameOf(move.event) === "congestionDeadline",
        () => said(move) === "settle(cut) release",
      ) &&
      ifThen(
        move.source === "plain.answering" && move.event === "answer.stalled",
        () => move.target === "plain.congested",
      ) &&
      ifThen(
        move.source === "plain.congested" && move.event === "answer.taken",
        () => move.target === "plain.answering",
      ),
  },
  {
    name: "a shutdown lets the answer under way be the last, and ends whoever is idle",
    holds: (move) =>
      ifThen(
        isTaking(move.source) && move.event === "shutdown.requested",
        () =>
          move.source === "plain.idle"
            ? said(move) === "endSocket" && move.target === "plain.ending"
            : said(move) === "announceLast" &&
              move.target === "plain.finishing",
      ) &&
      ifThen(
        said(move).includes("announceLast"),
        () => move.event === "shutdown.requested",
      ),
  },
  {
    name: "every connection has exactly one outcome, known when it terminates and not before",
    holds: ({ target, after }) =>
      after.outcomes.length === (target === "terminated" ? 1 : 0),
  },
  {
    name: "the outcome is settled before what the connection held is released, once, last of all",
    holds: (move) =>
      isArrival(move, "terminated")
        ? move.after.releases === 1 &&
          / ?settle\(\w+\) release$/.test(said(move))
        : !said(move).includes("release"),
  },
  {
    name: "the outcome is the one that the history deserves",
    holds: (move) =>
      ifThen(
        isArrival(move, "terminated"),
        () =>
          move.after.outcomes[0] === deservedOutcome(move.after, move.event),
      ),
  },
  {
    name: "at most one close frame is sent, and none before open",
    holds: ({ before, after }) =>
      after.closeFrames <= 1 &&
      ifThen(after.closeFrames > before.closeFrames, () => before.opened),
  },
  {
    name: "nothing is sent to the peer after our close frame, nor once TCP was ended by us",
    holds: ({ before, verbs }) => {
      let isSealed = before.closeFrames > 0 || before.tcpEnded > 0;
      return verbs.every(({ type }) => {
        const isAllowed = !isSealed || !SENDING.has(type);
        isSealed ||= type === "sendCloseFrame" || type === "endSocket";
        return isAllowed;
      });
    },
  },
  {
    name: "a connection drains from the moment its close frame is queued, or waits for the compressor alone, and only then",
    holds: ({ target, after }) =>
      target === "terminated" ||
      (isIn(target, "draining") && !isCompressing(target)) ===
        (after.closeFrames === 1),
  },
  {
    name: "the compressor is awaited by whoever drains before its handlers have settled, once, and by nobody else",
    holds: (move) =>
      isCompressing(move.target) && !isCompressing(move.source)
        ? said(move).endsWith("awaitCompressor")
        : !said(move).includes("awaitCompressor"),
  },
  {
    name: "the close frame is sent when the compressor is idle or the handlers have settled, at once, and for no other reason",
    holds: (move) =>
      (isCompressing(move.source) && move.event === "compressor.idle") ||
      (move.source === "closing" && move.event === "handlers.settled")
        ? said(move) === "sendCloseFrame" && isIn(move.target, "draining")
        : !said(move).includes("sendCloseFrame"),
  },
  {
    name: "whoever opens is answered, counted and announced, in this order, once",
    holds: (move) =>
      ifThen(
        isArrival(move, "open.healthy") && isIn(move.source, "upgrading"),
        () =>
          move.event === "upgrade.accepted" &&
          said(move) === "writeAcceptance countOpened announceOpened",
      ) &&
      ifThen(
        /writeAcceptance|countOpened|announceOpened/.test(said(move)),
        () => isIn(move.source, "upgrading") && isIn(move.target, "open"),
      ),
  },
  {
    name: "a handshake is answered once at most: accepted, or refused for the cause that it was",
    holds: (move) =>
      move.after.refusals + Number(move.after.opened) <= 1 &&
      (isArrival(move, "upgrading.refusing")
        ? said(move) === `writeRefusal(${because(move, REFUSALS)})`
        : !said(move).includes("writeRefusal")),
  },
  {
    name: "an accepted upgrade opens, and a refused one never does",
    holds: (move) =>
      move.source !== "upgrading.handshaking" ||
      ((move.event === "upgrade.accepted") === isIn(move.target, "open") &&
        ifThen(
          because(move, REFUSALS) !== undefined,
          () => move.target === "upgrading.refusing",
        )),
  },
  {
    name: "closing begins once, first of all, and for the cause that it was",
    holds: (move) =>
      isIn(move.source, "open") &&
      rankOf(move.target) > rankOf("open") &&
      move.target !== "terminated"
        ? move.after.closings.length === 1 &&
          said(move).startsWith(`beginClosing(${because(move, CAUSES)})`)
        : !said(move).includes("beginClosing"),
  },
  {
    name: "whoever is asked to close while open does",
    holds: (move) =>
      ifThen(
        isIn(move.source, "open") &&
          because(move, CAUSES) !== undefined &&
          !isForeign(move),
        () => !isIn(move.target, "open"),
      ),
  },
  {
    name: "handlers in flight are awaited whenever closing is entered, and it alone waits",
    holds: (move) =>
      isArrival(move, "closing")
        ? said(move).endsWith("awaitHandlers")
        : !said(move).includes("awaitHandlers"),
  },
  {
    name: "a last word is said in a shutdown only, after closing began and before handlers are awaited",
    holds: (move) =>
      isArrival(move, "closing") && move.event === "shutdown.requested"
        ? said(move) === "beginClosing(shutdown) sayLastWord awaitHandlers"
        : !said(move).includes("sayLastWord"),
  },
  {
    name: "whoever may wait no longer for its handlers says goodbye behind what is being compressed",
    holds: (move) =>
      ifThen(
        move.source === "closing" &&
          (delayNameOf(move.event) === "closingDeadline" ||
            /^(buffer\.exceeded|deadline\.reached|peer\.closed|protocol\.violated)$/.test(
              move.event,
            )),
        () => said(move) === "awaitCompressor" && isCompressing(move.target),
      ),
  },
  {
    name: "TCP of a WebSocket is ended by us once both sides have said their last, and only then",
    holds: ({ before, after, verbs, target, source }) =>
      isIn(source, "plain") ||
      (after.tcpEnded <= 1 &&
        ifThen(
          verbs.some(({ type }) => type === "endSocket"),
          () => after.flushed && after.peer !== "silent",
        ) &&
        ifThen(
          after.flushed && after.peer !== "silent" && target !== "terminated",
          () => after.tcpEnded === 1,
        ) &&
        ifThen(before.tcpEnded === 1, () => verbs.every(isNotEnding))),
  },
  {
    name: "a socket that dies ends the connection at once, whatever its state",
    holds: ({ event, target }) =>
      ifThen(event === "socket.closed", () => target === "terminated"),
  },
  {
    name: "at the deadline nobody upgrades, is open or closes: whoever has said goodbye terminates, the others say it",
    holds: ({ event, source, target }) =>
      ifThen(event === "deadline.reached", () =>
        isIn(source, "open") || source === "closing"
          ? target === "draining.compressing"
          : target === "terminated",
      ),
  },
  {
    name: "a shutdown leaves nobody open and no handshake undecided",
    holds: ({ event, target }) =>
      ifThen(
        event === "shutdown.requested",
        () =>
          !isIn(target, "open") &&
          !isTaking(target) &&
          target !== "upgrading.handshaking",
      ),
  },
  {
    name: "whoever is told to shut down on its way out goes on as it was, with its delay armed anew",
    holds: (move) =>
      ifThen(
        move.event === "shutdown.requested" &&
          move.source !== "upgrading.handshaking" &&
          !isIn(move.source, "open") &&
          !isTaking(move.source) &&
          move.source !== "terminated",
        () =>
          move.target === move.source &&
          move.verbs.length === 0 &&
          move.cancels === 1 &&
          move.arms.length === 1,
      ),
  },
  {
    name: "a ping is sent to a silent peer, and to one that is not read, whose answer is not awaited; never while one is unanswered, never under congestion",
    holds: (move) =>
      move.source === "open.healthy" && move.event.startsWith("heartbeat.")
        ? said(move) === "sendPing" &&
          move.target ===
            (move.event === "heartbeat.due" ? "open.probing" : "open.healthy")
        : !said(move).includes("sendPing"),
  },
  {
    name: "a peer that responds is healthy again, and has done nothing else",
    holds: (move) =>
      ifThen(move.source === "open.probing", () =>
        move.event === "peer.responded"
          ? move.target === "open.healthy" && move.verbs.length === 0
          : move.target !== "open.healthy",
      ),
  },
  {
    name: "a peer that does not answer a ping in time is lost",
    holds: (move) =>
      ifThen(
        move.source === "open.probing" &&
          delayNameOf(move.event) === "pongDeadline",
        () => said(move) === "settle(lost) release",
      ),
  },
  {
    name: "congestion is announced when it begins and its relief when it ends, in turns",
    holds: (move) =>
      (isArrival(move, "open.congested")
        ? move.event === "buffer.overflowed" &&
          said(move) ===
            (move.source === "open.moving"
              ? "endMove announceCongestion"
              : "announceCongestion") &&
          !move.before.congested
        : !said(move).includes("announceCongestion")) &&
      (move.source === "open.congested" &&
      isIn(move.target, "open") &&
      !move.isIgnored
        ? move.event === "buffer.drained" &&
          said(move) === "announceRelief" &&
          move.before.congested
        : !said(move).includes("announceRelief")),
  },
  {
    name: "a move begins from rest or a ping, and ends open in either thread",
    holds: (move) =>
      ifThen(
        isArrival(move, "open.moving"),
        () =>
          move.event === "move.requested" &&
          said(move) === "beginMove" &&
          (move.source === "open.healthy" || move.source === "open.probing"),
      ) &&
      ifThen(
        move.source === "open.moving" && isIn(move.target, "open"),
        () =>
          move.isIgnored ||
          (move.event === "move.arrived"
            ? said(move) === "announceArrival"
            : said(move).startsWith("endMove")),
      ),
  },
  {
    name: "a move begins when it is requested of one that is neither congested nor moving, and is under way until it ends",
    holds: (move) =>
      move.after.moving === (move.target === MOVING) &&
      (isArrival(move, MOVING)
        ? move.event === "move.requested" && said(move) === "beginMove"
        : !said(move).includes("beginMove")) &&
      ifThen(
        move.event === "move.requested" &&
          /^open\.(healthy|probing)$/.test(move.source),
        () => move.target === MOVING,
      ),
  },
  {
    name: "a move ends with the arrival or is given up, once, and whoever stays open is healthy or congested",
    holds: (move) => {
      if (move.source !== MOVING || move.isIgnored)
        return !/endMove|announceArrival/.test(said(move));
      if (!isIn(move.target, "open")) return !said(move).includes("Arrival");
      if (move.event === "buffer.overflowed")
        return said(move) === "endMove announceCongestion";
      const hasArrived = move.event === "move.arrived";
      return (
        move.target === "open.healthy" &&
        said(move) === (hasArrived ? "announceArrival" : "endMove")
      );
    },
  },
  {
    name: "a move that arrives, is refused, or takes too long is over",
    holds: ({ source, event, target }) =>
      ifThen(
        source === MOVING &&
          (/^move\.(arrived|refused)$/.test(event) ||
            delayNameOf(event) === "moveDeadline"),
        () => target !== MOVING,
      ),
  },
  {
    name: "whoever overflows while open is congested, and is healthy again once drained",
    holds: ({ source, event, target }) =>
      ifThen(
        isIn(source, "open") && event === "buffer.overflowed",
        () => target === "open.congested",
      ) &&
      ifThen(
        source === "open.congested" && event === "buffer.drained",
        () => target === "open.healthy",
      ),
  },
  {
    name: "whoever has heard the peer's close frame never waits for it",
    holds: ({ target, after }) =>
      ifThen(after.peer === "closed" && target !== "terminated", () =>
        /^draining\.(compressingAnswer|answering|concluding)$/.test(target),
      ),
  },
  {
    name: "whoever cannot read the peer any more never waits for its close frame",
    holds: ({ target, after }) =>
      ifThen(after.peer === "violated" && target !== "terminated", () =>
        /^draining\.(compressingFailure|failing|hangingUp)$/.test(target),
      ),
  },
  {
    name: "whoever has not heard of the peer compresses, flushes or waits, as far as its own close frame has come",
    holds: ({ target, after }) =>
      ifThen(
        isIn(target, "draining") && after.peer === "silent",
        () =>
          target ===
          (after.flushed
            ? "draining.awaiting"
            : after.closeFrames === 1
              ? "draining.flushing"
              : "draining.compressing"),
      ),
  },
  {
    name: "leaving a state stops its delay, entering one arms its own, and nothing else does",
    holds: ({ source, target, isIgnored, cancels, arms }) =>
      isIgnored
        ? cancels === 0 && arms.length === 0
        : cancels === (isConnectionLasting(source) ? 0 : 1) &&
          arms.length === (isConnectionLasting(target) ? 0 : 1),
  },
];

/** The states in which a connection may stay for ever. */
export const isConnectionLasting = (state: string): boolean =>
  state === "open.healthy" ||
  state === "plain.answering" ||
  state === "terminated";

/** A delay that another state has armed. */
function isForeign({ source, event }: Moved): boolean {
  return delayNameOf(event) !== undefined && !event.endsWith(`.${source}`);
}

const isNotEnding = ({ type }: { type: string }): boolean =>
  type !== "endSocket";
