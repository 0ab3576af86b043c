import { isUtf8 } from "node:buffer";
import type { PresenceEvent } from "../handlers.ts";
import { presenceTopic } from "./rules.ts";
import { contentOf } from "./shared-frames.ts";

/** Names of connections and instances are short. */
const MAX_NAME_LENGTH = 512;

/** Reads a join or leave back from the frame that it travels in; undefined when it is none. */
export function readPresence(
  topic: string,
  frame: Buffer,
): PresenceEvent | undefined {
  return decodePresence(topic, contentOf(frame).payload);
}

/**
 * Reads a join or leave.
 *
 * @param announcements - The topic that it came on.
 * @returns undefined when it is none, or is about another topic
 */
export function decodePresence(
  announcements: string,
  payload: Buffer,
): PresenceEvent | undefined {
  if (!isUtf8(payload)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, topic, connection, instance } = value as Record<
    string,
    unknown
  >;
  if (type !== "joined" && type !== "left") return undefined;
  if (typeof topic !== "string" || presenceTopic(topic) !== announcements)
    return undefined;
  if (!isName(connection) || !isName(instance)) return undefined;
  return { type, topic, connection, instance };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_LENGTH;
}
