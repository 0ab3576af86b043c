import type { MessagePort } from "node:worker_threads";
import { type ChannelName, channels } from "../../protocol/channels.ts";
import {
  resultShapes,
  isTransition,
} from "../../protocol/inspection-shapes.ts";
import { cohorts, hookNames } from "../../protocol/hook-names.ts";
import type { ShardMessage } from "../../protocol/messages.ts";
import { moveObstacles } from "../../protocol/handover-messages.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { isHandle, isSnapshot } from "../../protocol/handover-shapes.ts";
import {
  type Check,
  hasShape,
  isCount,
  isEither,
  isFlag,
  isOneOf,
  isRecord,
  isText,
} from "../../protocol/shape.ts";
import { aside, guarded } from "../aside.ts";

/** Subscribers to these in main hear what happens in the shards. */
export const forwardable = [
  channels.connection,
  channels.rejected,
  channels.originRefused,
  channels.memory,
  channels.handlerError,
];

/** What the inspector keeps, which subscribes when shards have been made. */
export const inspected: readonly ChannelName[] = [
  channels.originRefused,
  channels.handlerError,
];

/** A frame has a header of two bytes at least (RFC 6455, 5.2). */
const LEAST_FRAME_BYTES = 2;
/** As deep as errors are described; see `describeForeign`. */
const DEEPEST_CAUSE = 16;

const isNothing = isOneOf(undefined);

const shapes: Readonly<Record<ShardMessage["type"], Check>> = {
  published: hasShape({ batches: areBatches }),
  taken: hasShape({ bytes: isCount }),
  ready: hasShape({ moveBlocker: isEither(isNothing, isText()) }),
  "shutdown-notified": isRecord,
  emptied: isRecord,
  "tls-reloaded": hasShape({ error: isEither(isNothing, isText()) }),
  "hook-failed": hasShape({
    cohort: isOneOf(...cohorts),
    hook: isOneOf(...hookNames),
    said: isText(),
  }),
  diagnostic: hasShape({
    channel: isOneOf(...forwardable),
    message: isDiagnostic,
  }),
  admit: hasShape({ id: isCount, address: isText() }),
  released: hasShape({ address: isText() }),
  notified: hasShape({ drain: isCount, notified: isCount }),
  drained: hasShape({ drain: isCount }),
  inspected: hasShape({
    id: isCount,
    result: isEither(...Object.values(resultShapes)),
  }),
  followed: hasShape({ transition: isTransition }),
  interest: hasShape({ topic: isText(), isWanted: isFlag }),
  "count-subscribers": hasShape({ request: isCount, topic: isText() }),
  subscribers: hasShape({ request: isCount, count: isCount }),
  "moved-out": hasShape({
    order: isCount,
    snapshot: isSnapshot,
    handle: isHandle,
  }),
  "moved-in": hasShape({ number: isCount }),
  moved: hasShape({ order: isCount, left: isCount, refused: areObstacles }),
};

/** What a shard says; undefined when no shard would say it. Costs nothing worth measuring where much is said. */
export function readShardMessage(raw: unknown): ShardMessage | undefined {
  const type = typeOf(raw);
  return type !== undefined && shapes[type](raw)
    ? (raw as ShardMessage)
    : undefined;
}

/**
 * Hears one shard. Handlers run in its thread, and may have done anything to
 * it: what is malformed is dropped, and what goes wrong in taking the rest is
 * published and ends nothing.
 *
 * @param drop - Told of each that was dropped, in a few words.
 */
export function hearShard(
  port: MessagePort,
  take: (message: ShardMessage) => void,
  drop: (what: string) => void,
): void {
  port.on("message", (raw: unknown) => {
    const message = readShardMessage(raw);
    if (message !== undefined)
      return guarded(`taking "${message.type}" of a shard`, () =>
        take(message),
      );
    drop(`of the type ${JSON.stringify(typeOf(raw) ?? "unknown")}`);
    // Nobody else would let go of the socket that came with it.
    const handle: unknown =
      isRecord(raw) && Reflect.get(raw as object, "handle");
    if (isHandle(handle))
      guarded("closing a socket", () =>
        aside((handle as SocketHandle).close(), "closing a socket"),
      );
    return undefined;
  });
  // Such as one that is nested more deeply than this thread's stack takes.
  port.on("messageerror", () => drop("that could not be deserialized"));
}

function typeOf(raw: unknown): ShardMessage["type"] | undefined {
  if (!isRecord(raw)) return undefined;
  const { type } = raw as { type?: unknown };
  return typeof type === "string" && Object.hasOwn(shapes, type)
    ? (type as ShardMessage["type"])
    : undefined;
}

/** Publications: whatever is read of them later lies in their memory. */
function areBatches(batches: unknown): boolean {
  if (!Array.isArray(batches)) return false;
  for (const batch of batches as readonly unknown[]) {
    if (!isRecord(batch)) return false;
    const { memory, entries, at } = batch as Record<string, unknown>;
    if (!(memory instanceof SharedArrayBuffer) || !Array.isArray(entries))
      return false;
    if (typeof at !== "number") return false;
    const length = memory.byteLength;
    for (const entry of entries as readonly unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 3) return false;
      const [topic, start, end] = entry as unknown[];
      const isInside =
        typeof topic === "string" &&
        Number.isSafeInteger(start) &&
        Number.isSafeInteger(end) &&
        (start as number) >= 0 &&
        (end as number) - (start as number) >= LEAST_FRAME_BYTES &&
        (end as number) <= length;
      if (!isInside) return false;
    }
  }
  return true;
}

/** Whoever subscribes to a channel makes text of what it says. */
function isDiagnostic(message: unknown): boolean {
  if (!isRecord(message)) return false;
  return Object.entries(message as object).every(([key, value]) =>
    key === "error" ? isForeign(value) : isPlain(value),
  );
}

function isPlain(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    ["string", "number", "boolean"].includes(typeof value)
  );
}

/** What was thrown, as `describeForeign` says it. */
function isForeign(value: unknown, depth = 0): boolean {
  if (!isRecord(value) || depth > DEEPEST_CAUSE) return false;
  const { name, message, stack, code, cause, errors } = value as Record<
    string,
    unknown
  >;
  const isWithin = (each: unknown): boolean => isForeign(each, depth + 1);
  return (
    typeof name === "string" &&
    typeof message === "string" &&
    [stack, code].every(
      (text) => text === undefined || typeof text === "string",
    ) &&
    (cause === undefined || isWithin(cause)) &&
    (errors === undefined || (Array.isArray(errors) && errors.every(isWithin)))
  );
}

function areObstacles(refused: unknown): boolean {
  return (
    isRecord(refused) &&
    Object.entries(refused as object).every(
      ([cause, count]) =>
        (moveObstacles as readonly string[]).includes(cause) && isCount(count),
    )
  );
}
