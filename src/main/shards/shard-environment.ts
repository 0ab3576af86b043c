import type { Config } from "../../config.ts";
import type {
  LifecycleShardMessage,
  ShardMessage,
  TlsMaterial,
} from "../../protocol/messages.ts";
import type { Malformed } from "../malformed.ts";
import type { PatientClock } from "../patient-clock.ts";
import type { MainSurroundings } from "../main-surroundings.ts";

/** What every thread of a server is started with. */
export interface ShardEnvironment {
  readonly surroundings: MainSurroundings;
  /** Of the shards' machines. */
  readonly patientClock: PatientClock;
  readonly config: Config;
  /** As it was read last. */
  readonly tls: TlsMaterial | undefined;
  /** What it answers to those who ask whether to send it traffic. */
  readonly isReady: boolean;
  readonly forwarded: readonly string[];
  /** What the shards share to know of each other's subscribers. */
  readonly topicTable: SharedArrayBuffer;
  /** What the connections of each shard hold, of what all may hold together. */
  readonly memory: SharedArrayBuffer;
  readonly instance: string;
  /** Handover is off, and why. */
  readonly moveBlocker: string | undefined;
  /** Why connections are not read and written by their handles, if they are not. */
  readonly handleFault: string | undefined;
  /** What they say and no shard would say. */
  readonly malformed: Malformed;
}

/** What a shard says that is not about its own lifecycle. */
export type PassedShardMessage = Exclude<ShardMessage, LifecycleShardMessage>;
