import { MAX_DELAY_MS } from "../../config/units.ts";
import { cohorts, hookNames } from "../../protocol/hook-names.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { aside, guarded } from "../aside.ts";
import { isHandle, isSnapshot } from "../../protocol/handover-shapes.ts";
import {
  type Check,
  hasShape,
  isCount,
  isEither,
  isListOf,
  isNumber,
  isOneOf,
  isPlainText,
  isRecord,
  isWithin,
} from "../../protocol/shape.ts";
import type { ProcessMessage } from "./other-process.ts";

const MAX_HOST_LENGTH = 255;
/** It is logged, and thrown. */
const MAX_WORDS = 16_384;

const isNothing = isOneOf(undefined);
const isDelay = isWithin(0, MAX_DELAY_MS);
const isPort: Check = (value) => isCount(value) && isWithin(0, 65_535)(value);
const isAddress = { host: isPlainText(MAX_HOST_LENGTH), port: isPort };
const hasNumber = hasShape({ number: isCount });
const isSaid: Check = (value) =>
  typeof value === "string" && value.length <= MAX_WORDS;

function recordOf(names: readonly string[], check: Check): Check {
  return hasShape(Object.fromEntries(names.map((name) => [name, check])));
}

const isTally = hasShape({
  at: isNumber,
  live: isCount,
  opened: isCount,
  movedIn: isCount,
  failures: recordOf(cohorts, recordOf(hookNames, isCount)),
});

const shapes: Readonly<Record<ProcessMessage["type"], Check>> = {
  hello: isRecord,
  "take-over": hasShape({
    ...isAddress,
    firstNumber: isCount,
    ports: isListOf(isPort),
  }),
  ready: isRecord,
  failed: hasShape({ why: isSaid, withinMs: isDelay }),
  tally: hasShape({ tally: isTally }),
  sent: isRecord,
  landed: isRecord,
  committed: hasShape({ admin: isEither(isNothing, hasShape(isAddress)) }),
  stop: hasShape({ reason: isSaid, deadlineMs: isEither(isNothing, isDelay) }),
  force: isRecord,
  accepted: hasNumber,
  connection: hasShape({ snapshot: isSnapshot }),
  refused: hasNumber,
  received: hasNumber,
  yours: hasNumber,
};

/** What another process says, as far as it says it to Sluice. */
export type ProcessWord =
  | { readonly kind: "message"; readonly message: ProcessMessage }
  /** Some other program's, such as the handlers' own. */
  | { readonly kind: "foreign" }
  /** Of no shape that is known here. Of a connection, its number: it stays the sender's. */
  | {
      readonly kind: "malformed";
      readonly what: string;
      readonly refused: number | undefined;
    };

/** Reads a message of the process before or after, which may be of another version. */
export function readProcessMessage(raw: unknown): ProcessWord {
  if (!isRecord(raw) || !Object.hasOwn(raw as object, "sluice"))
    return { kind: "foreign" };
  const { sluice } = raw as { sluice: unknown };
  const type: unknown =
    isRecord(sluice) && Reflect.get(sluice as object, "type");
  const isKnown = typeof type === "string" && Object.hasOwn(shapes, type);
  if (isKnown && shapes[type as ProcessMessage["type"]](sluice))
    return { kind: "message", message: sluice as ProcessMessage };
  const what = `a message of the type ${JSON.stringify(isKnown ? type : "unknown")}`;
  const refused =
    type === "connection" ? numberOf(sluice as object) : undefined;
  return { kind: "malformed", what, refused };
}

function numberOf(message: object): number | undefined {
  const snapshot: unknown = Reflect.get(message, "snapshot");
  return hasNumber(snapshot)
    ? (snapshot as { number: number }).number
    : undefined;
}

/** What becomes of what another process says. */
export interface ProcessListener {
  readonly take: (
    message: ProcessMessage,
    handle: SocketHandle | undefined,
  ) => void;
  /** The connection with this number cannot be read: it stays the sender's. */
  readonly refuse: (number: number) => void;
  /** Counts what was dropped. */
  readonly drop: (what: string) => void;
}

/** Hears another process: what is malformed is dropped, and a fault in taking the rest ends nothing. */
export function hearProcess(
  raw: unknown,
  handle: unknown,
  { take, refuse, drop }: ProcessListener,
): void {
  const word = readProcessMessage(raw);
  const socket = isHandle(handle) ? (handle as SocketHandle) : undefined;
  if (word.kind === "message")
    return guarded(`taking "${word.message.type}" of another process`, () =>
      take(word.message, socket),
    );
  if (word.kind === "foreign") return undefined;
  drop(word.what);
  // This end of the socket; the sender has its own.
  if (socket !== undefined)
    guarded("closing a socket", () =>
      aside(socket.close(), "closing a socket"),
    );
  if (word.refused !== undefined) refuse(word.refused);
  return undefined;
}
