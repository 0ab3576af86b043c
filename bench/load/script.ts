/** The bytes of a plan's messages and replies, built before anything is timed. */
import { repeatReply } from "./reply-stream.ts";
import type { WireFormat } from "./wires.ts";

/** What one connection sends and expects. */
export interface Script {
  /** `batches[n]` is n messages in one buffer. */
  readonly batches: readonly Buffer[];
  readonly payload: Buffer;
  readonly replies: Buffer;
  readonly replyBytes: number;
}

/** Connections take turns with this many payloads, so that mix-ups show. */
const payloadVariants = 4;

/**
 * Builds the scripts that a plan's connections share.
 *
 * @param wire - How messages are framed.
 * @param bytes - Payload length of a message.
 * @param inFlight - The most messages that are sent at once.
 */
export function buildScripts(
  wire: WireFormat,
  bytes: number,
  inFlight: number,
): Script[] {
  return Array.from({ length: payloadVariants }, (_, variant) => {
    const payload =
      wire.payloadOf?.(bytes, variant) ?? payloadOf(bytes, variant);
    const message = wire.message(payload);
    const reply = wire.reply(payload);
    return {
      payload,
      batches: Array.from({ length: inFlight + 1 }, (_unused, count) =>
        Buffer.concat(Array.from({ length: count }, () => message)),
      ),
      replies: repeatReply(reply),
      replyBytes: reply.length,
    };
  });
}

/**
 * Bytes without a short period: a repeated or shifted part would be noticed.
 *
 * @param bytes - How many.
 * @param variant - Different ones give different bytes.
 */
export function payloadOf(bytes: number, variant: number): Buffer {
  const payload = Buffer.alloc(bytes);
  // xorshift32: tiny, and the same payload on every machine.
  let state = 0x9e3779b9 ^ (variant + 1);
  for (let index = 0; index < bytes; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    payload[index] = state & 0xff;
  }
  return payload;
}
