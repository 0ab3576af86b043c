import type { InspectRequest, InspectResult } from "./inspection-messages.ts";
import {
  type Check,
  hasShape,
  isCount,
  isEither,
  isFlag,
  isListOf,
  isNumber,
  isOneOf,
  isText,
  isTuple,
} from "./shape.ts";

const isNothing = isOneOf(undefined);
const isSortPosition = hasShape({
  value: isEither(isText(), isNumber),
  number: isCount,
});
const row = {
  id: isText(),
  position: isSortPosition,
  shard: isCount,
  state: isText(),
  path: isText(),
  remoteAddress: isText(),
  ageMs: isNumber,
  inStateMs: isNumber,
  messagesIn: isCount,
  messagesOut: isCount,
  bytesIn: isCount,
  bytesOut: isCount,
  bufferedBytes: isCount,
  handlersInFlight: isCount,
};
const isPage = hasShape({
  rows: isListOf(hasShape(row)),
  matching: isCount,
});
const isTopicPage = hasShape({
  rows: isListOf(
    hasShape({
      name: isText(),
      subscribers: isCount,
      messages: isCount,
      dropped: isCount,
    }),
  ),
  matching: isCount,
});
const isFacts = hasShape({
  ...row,
  url: isText(),
  subprotocol: isText(),
  actorState: isEither(isNothing, isText()),
  isCompressed: isFlag,
  headers: isListOf(isTuple(isText(), isText())),
  deadlineInMs: isEither(isNothing, isNumber),
  closeStatus: isEither(
    isOneOf(null),
    hasShape({ code: isCount, reason: isText() }),
  ),
});

/** A drawing is cut to less where it is made. */
const MAX_CHART_LENGTH = 1_000_000;
const isOverview = hasShape({
  chart: isText(MAX_CHART_LENGTH),
  population: isListOf(isTuple(isText(), isCount)),
});

/** What a shard's answer to each request looks like. */
export const resultShapes: Readonly<Record<keyof InspectResult, Check>> = {
  page: isPage,
  topics: isTopicPage,
  connection: isEither(isNothing, isFacts),
  close: isEither(isNothing, isFlag),
  follow: isEither(isNothing, isFacts),
  actors: isEither(isNothing, isOverview),
  watch: isNothing,
} satisfies Record<InspectRequest["type"], Check>;

/** One transition of a followed connection. */
export const isTransition = hasShape({
  number: isCount,
  machine: isOneOf("connection", "actor"),
  at: isNumber,
  event: isText(),
  from: isEither(isNothing, isText()),
  to: isText(),
  isFinal: isFlag,
  actions: isListOf(isText()),
  spentMs: isNumber,
});
