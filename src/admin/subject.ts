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
  readonly shards: readonly InspectedShard[];
  /** The state of its machine down to the leaf, such as `closing.broadcasting`. */
  readonly machineState: string;
  /** Since the shutdown under way began, milliseconds. */
  readonly shutdownElapsedMs: number;
  /** Why it shuts down; empty until it does. */
  readonly shutdownReason: string;
}
