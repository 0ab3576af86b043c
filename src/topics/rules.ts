import { checkFlag, checkKeys, narrowArguments } from "../config/arguments.ts";
import { SluiceError } from "../errors.ts";
import type { PublishOptions, SubscribeOptions } from "../handlers.ts";

/** Of the server, of a shard, and of a connection. */
type PublishingOptions = PublishOptions & { readonly includeSelf?: boolean };

/** The limits that a topic's name and a publication have to keep. */
export interface TopicLimits {
  readonly maxTopicLengthBytes: number;
  readonly maxPayloadBytes: number;
}

/** A topic that starts with it is Sluice's own; applications cannot name one. */
const RESERVED = "\u0000";

/** Where joins and leaves of a topic are announced. */
export function presenceTopic(topic: string): string {
  return RESERVED + topic;
}

/** Whether joins and leaves are announced here: it is no topic of the application. */
export function isAnnouncement(topic: string): boolean {
  return topic.startsWith(RESERVED);
}

/** Whether something can be a topic of the application. */
export function isTopic(
  topic: unknown,
  { maxTopicLengthBytes }: Pick<TopicLimits, "maxTopicLengthBytes">,
): topic is string {
  if (typeof topic !== "string" || isAnnouncement(topic)) return false;
  const length = Buffer.byteLength(topic);
  return length > 0 && length <= maxTopicLengthBytes;
}

/**
 * Refuses what cannot be a topic.
 *
 * @param caller - Named in the message of the error.
 * @throws SluiceError `ERR_SLUICE_TOPIC`.
 */
export function checkTopic(
  topic: unknown,
  caller: string,
  { maxTopicLengthBytes }: Pick<TopicLimits, "maxTopicLengthBytes">,
): asserts topic is string {
  if (isTopic(topic, { maxTopicLengthBytes })) return;
  const length = typeof topic === "string" ? Buffer.byteLength(topic) : 0;
  throw new SluiceError(
    "ERR_SLUICE_TOPIC",
    `${caller}: got ${describe(topic, length)}, takes a topic of 1 to ${maxTopicLengthBytes} bytes (maxTopicLengthBytes) that does not begin with U+0000`,
  );
}

/**
 * Measures a payload, and refuses one that a client of the same server would
 * not be allowed.
 *
 * @returns its length in bytes, in UTF-8 for text
 * @throws SluiceError `ERR_SLUICE_PAYLOAD`.
 */
export function measurePayload(
  payload: string | Uint8Array,
  caller: string,
  { maxPayloadBytes }: Pick<TopicLimits, "maxPayloadBytes">,
): number {
  const bytes =
    typeof payload === "string"
      ? Buffer.byteLength(payload)
      : payload.byteLength;
  if (bytes <= maxPayloadBytes) return bytes;
  throw new SluiceError(
    "ERR_SLUICE_PAYLOAD",
    `${caller}: got a payload of ${bytes} bytes, takes at most ${maxPayloadBytes} (maxPayloadBytes)`,
  );
}

const PUBLISHING = ["isBinary"] as const;
const PUBLISHING_FROM = ["isBinary", "includeSelf"] as const;

/**
 * Refuses options of a publication that mean nothing.
 *
 * @param isFrom - A connection publishes, which may hear itself.
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function checkPublishing(
  options: PublishingOptions | undefined,
  isFrom = false,
): PublishingOptions {
  if (options === undefined) return {};
  checkKeys(isFrom ? PUBLISHING_FROM : PUBLISHING, options, "publish()");
  checkFlag(options.isBinary, "publish(): isBinary");
  checkFlag(options.includeSelf, "publish(): includeSelf");
  return options;
}

const SUBSCRIBING = {
  whenCongested: { kind: "choice", choices: ["close", "drop"] },
} as const;

/**
 * Refuses options of a subscription that mean nothing.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function narrowSubscribing(options: unknown): SubscribeOptions {
  return narrowArguments(SUBSCRIBING, options, "subscribe()");
}

function describe(topic: unknown, length: number): string {
  if (typeof topic !== "string") return topic === null ? "null" : typeof topic;
  return length > 64
    ? `a topic of ${length} bytes`
    : `the topic ${JSON.stringify(topic)}`;
}
