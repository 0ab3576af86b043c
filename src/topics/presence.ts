import type { PresenceEvent } from "../handlers.ts";
import { contentOf } from "./shared-frames.ts";

/** Reads a join or leave back from the frame that it travels in. */
export function readPresence(frame: Buffer): PresenceEvent {
  return JSON.parse(contentOf(frame).payload.toString()) as PresenceEvent;
}
