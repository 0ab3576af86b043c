import { CallError } from "./call-error.ts";
import { type Fields, readInteger } from "./fields.ts";
import type { ShutdownPart } from "../main/report.ts";
import type { SluiceServer } from "../main/server-types.ts";
import type { MainMessage } from "../protocol/messages.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";

/** One shard, as the inspector needs it. */
export interface InspectedShard {
  readonly index: number;
  /** State of its machine. */
  readonly state: string;
  readonly isBlocked: boolean;
  readonly counters: ShardCounters;
  post(message: MainMessage): void;
}

/** The server, as the inspector needs it. */
export interface InspectedServer extends SluiceServer {
  /** All that have a thread; after a reload an index is not a place in it. */
  readonly shards: readonly InspectedShard[];
  /** Of shards that have ended for good, by index. */
  readonly pastCounters: ReadonlyMap<number, ShardCounters>;
  /** The state of its machine down to the leaf, such as `closing.broadcasting`. */
  readonly machineState: string;
  /** Since the shutdown under way began, milliseconds. */
  readonly shutdownElapsedMs: number;
  /** What the shutdown under way has come to so far. */
  readonly shutdownPart: ShutdownPart;
  /** Why it shuts down; empty until it does. */
  readonly shutdownReason: string;
}

/** The shard with an index. */
export function shardAt(
  { shards }: InspectedServer,
  index: number,
): InspectedShard | undefined {
  return shards.find((shard) => shard.index === index);
}

/**
 * Reads the index of a shard that there is.
 *
 * @throws CallError 400 when it is none.
 */
export function readShard(
  fields: Fields,
  server: InspectedServer,
): number | undefined {
  const indexes = server.shards.map(({ index }) => index);
  const index = readInteger(fields, "shard", 0, Math.max(...indexes));
  if (index === undefined || indexes.includes(index)) return index;
  throw new CallError(
    400,
    `shard: got ${index}, takes one of ${indexes.join(", ")}`,
  );
}
