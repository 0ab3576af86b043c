import type { ConnectionEnd, DroppedMessages } from "../handlers.ts";

/**
 * What a machine is told of its connection, besides what the client says. Each
 * is an event; one that the machine has no answer for is ignored.
 */
export type ConnectionFact =
  /** The connection is open: the first that it is told. */
  | { readonly type: "opened" }
  /** A shutdown or drain has come to it: time for a last word. */
  | { readonly type: "draining" }
  /** What made `send` congested has been read. */
  | { readonly type: "drained" }
  /** Messages of topics were left out while it was congested. */
  | {
      readonly type: "dropped";
      readonly missed: readonly DroppedMessages[];
    }
  /** It has ended: the last that it is told. */
  | ({ readonly type: "closed" } & ConnectionEnd);

const FACTS: ReadonlySet<string> = new Set<ConnectionFact["type"]>([
  "opened",
  "draining",
  "drained",
  "dropped",
  "closed",
]);
/** XState's own: the end of a delay or of an invoked actor. */
const INTERNAL = "xstate.";

/**
 * Whether something can be what a client has said: an event, and none of those
 * that only the connection, or XState itself, may say. A client that could
 * would walk through the machine's back doors.
 */
export function isClientEvent(
  value: unknown,
): value is { readonly type: string } {
  if (typeof value !== "object" || value === null || !("type" in value))
    return false;
  const { type } = value;
  return (
    typeof type === "string" && !FACTS.has(type) && !type.startsWith(INTERNAL)
  );
}
