import {
  type Check,
  hasShape,
  isCount,
  isEither,
  isFlag,
  isOneOf,
  isPlainText,
  isWithin,
} from "../../protocol/shape.ts";
import { isTopic } from "../../topics/rules.ts";
import type { SubscriberTally } from "./engine.ts";
import type { InstanceEntry } from "./engine.ts";

/** Names, addresses and states are short. */
const MAX_WORDS = 512;
/** What an instance says of itself, a count or a lease needs no more. */
const MAX_JSON_BYTES = 64 * 1024;
/** The range of the option `acceptRate`. */
const ACCEPT_RATES = [1, 1_000_000] as const;
/** Clients are on their way for so long at most. */
export const LONGEST_RETURN_MS = 3_600_000;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Who drains, in one of the places that there are for it. */
export interface Holding {
  readonly holder: string;
  /** It has drained; for so long its clients are on their way to the others. */
  readonly returningForMs?: number;
}

const instanceShape: Readonly<Record<keyof InstanceEntry, Check>> = {
  id: isPlainText(MAX_WORDS),
  startedAt: isWithin(0, Number.MAX_SAFE_INTEGER),
  address: isPlainText(MAX_WORDS),
  version: isPlainText(MAX_WORDS),
  state: isPlainText(MAX_WORDS),
  workers: isCount,
  connections: isCount,
  utilization: isWithin(0, Number.MAX_SAFE_INTEGER),
  acceptRate: isWithin(...ACCEPT_RATES),
};
const isInstance = hasShape(instanceShape);
const isTally = hasShape({ count: isCount, isComplete: isFlag });
const isHolding = hasShape({
  holder: isPlainText(MAX_WORDS),
  returningForMs: isEither(
    isOneOf(undefined),
    isWithin(0, Number.MAX_SAFE_INTEGER),
  ),
});

/** What another instance has written about itself; undefined when it is not that. */
export function readInstance(data: Uint8Array): InstanceEntry | undefined {
  const value = readJson(data);
  if (!isInstance(value)) return undefined;
  const names = Object.keys(instanceShape) as (keyof InstanceEntry)[];
  const entry = value as InstanceEntry;
  // What else it says stays where it is.
  return Object.fromEntries(
    names.map((name) => [name, entry[name]]),
  ) as unknown as InstanceEntry;
}

/** Another instance's answer to a count; undefined when it is none. */
export function readTally(data: Uint8Array): SubscriberTally | undefined {
  const value = readJson(data);
  if (!isTally(value)) return undefined;
  const { count, isComplete } = value as SubscriberTally;
  return { count, isComplete };
}

/** Who holds a place to drain, and for how long yet, at most an hour; undefined when it does not say. */
export function readHolding(data: Uint8Array): Holding | undefined {
  const value = readJson(data);
  if (!isHolding(value)) return undefined;
  const { holder, returningForMs } = value as Holding;
  if (returningForMs === undefined) return { holder };
  return {
    holder,
    returningForMs: Math.min(returningForMs, LONGEST_RETURN_MS),
  };
}

/** The topic that another instance asks about; undefined when it cannot be one. */
export function readTopic(
  data: Uint8Array,
  limits: { readonly maxTopicLengthBytes: number },
): string | undefined {
  if (data.length > limits.maxTopicLengthBytes) return undefined;
  const topic = readText(data);
  return isTopic(topic, limits) ? topic : undefined;
}

function readJson(data: Uint8Array): unknown {
  if (data.length > MAX_JSON_BYTES) return undefined;
  const text = readText(data);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readText(data: Uint8Array): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}
