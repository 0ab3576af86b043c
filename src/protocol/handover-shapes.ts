import type { ConnectionSnapshot } from "./handover-messages.ts";
import {
  type Check,
  hasShape,
  isAnything,
  isCount,
  isEither,
  isFlag,
  isListOf,
  isNumber,
  isOneOf,
  isText,
  isTuple,
  isWithin,
} from "./shape.ts";

const snapshotShape: Readonly<Record<keyof ConnectionSnapshot, Check>> = {
  number: isCount,
  head: isEither(
    isText(),
    hasShape({ raw: isText(), windowBits: isWithin(9, 15) }),
  ),
  remoteAddress: isText(),
  subprotocol: isText(),
  state: isAnything,
  openedAt: isNumber,
  isSilent: isFlag,
  isProbing: isFlag,
  messagesIn: isCount,
  messagesOut: isCount,
  bytesIn: isEither(isOneOf(undefined), isCount),
  bytesOut: isEither(isOneOf(undefined), isCount),
  allowance: isEither(
    isOneOf(undefined),
    hasShape({ messages: isNumber, bytes: isNumber, filledAt: isNumber }),
  ),
  subscriptions: isListOf(isTuple(isText(), isOneOf("close", "drop"))),
  heardUntil: isEither(isOneOf(undefined), isNumber),
  droppedMessages: isCount,
  isAdmitted: isFlag,
  frozenAt: isNumber,
};

/** Everything that a connection is, besides its socket. */
export const isSnapshot = hasShape(snapshotShape);

/** The handle of a socket, as far as anything can be asked of it. */
export const isHandle: Check = (value) =>
  typeof value === "object" &&
  value !== null &&
  "close" in value &&
  typeof value.close === "function";
