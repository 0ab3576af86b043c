import type { MessagePort } from "node:worker_threads";
import type { Config } from "../config.ts";
import type { SluiceErrorCode } from "../errors.ts";
import type { ForeignValue } from "../foreign-value.ts";
import type { SocketHandle } from "./socket-handle.ts";
import type { Cohort, HookName } from "./hook-names.ts";
import type {
  InspectResult,
  FollowedTransition,
  InspectRequest,
} from "./inspection-messages.ts";
import type { SubscriberCount } from "../handlers.ts";
import type { ShardPort, TopicMessage } from "./topic-messages.ts";
import type {
  MovingMainMessage,
  MovingShardMessage,
} from "./handover-messages.ts";

/** Which connections a drain is aimed at; all given conditions hold. */
export interface DrainFilter {
  /** Connections whose request path starts so. */
  pathPrefix?: string;
  /** Connections open for longer than this. */
  olderThanMs?: number;
}

/** How connections are told to go. */
export interface DrainPlan {
  /** Absolute, on the monotonic clock that all threads share; milliseconds. */
  deadline: number;
  closeCode: number;
  /** Connections told a second, over the whole server. */
  rate: number | "auto" | "unlimited";
  retryMinMs: number;
  retrySpreadMs: number | "auto";
  /** How many shards tell at the same time, and which of them this is: they take turns in the retry times. */
  shards: number;
  turn: number;
}

/** A fresh socket on its way to a shard. */
export interface Arrival {
  handle: SocketHandle;
  /** Unique in the process. */
  id: number;
  /** Over a limit: to be refused, properly. */
  refusal?: "too-many-connections" | "too-many-from-address" | undefined;
  /** Its peer's, when it has been counted already. */
  address?: string | undefined;
  /** The server's own, to try the shard. */
  isProbe?: true;
}

/** Main to shard. */
export type MainMessage =
  | { type: "sockets"; arrivals: readonly Arrival[] }
  | { type: "shutdown"; plan: DrainPlan }
  | { type: "drain"; drain: number; filter: DrainFilter; plan: DrainPlan }
  /** Of one drain, or of the shutdown. */
  | { type: "call-off"; drain: number | "shutdown" }
  | { type: "force" }
  /** The answer to `emptied`: nothing will be handed over any more, the thread may end. */
  | { type: "end" }
  | { type: "readiness"; isReady: boolean }
  | { type: "admission"; id: number; isAdmitted: boolean }
  | { type: "tls"; tls: TlsMaterial }
  | { type: "inspect"; id: number; request: InspectRequest }
  | { type: "introduce"; other: ShardPort }
  | { type: "count-subscribers"; request: number; topic: string }
  | { type: "subscribers"; request: number; count: SubscriberCount }
  | TopicMessage
  | MovingMainMessage;

/** Shard to main, of what counts against the limit by address. */
export type AdmissionShardMessage =
  | { type: "admit"; id: number; address: string }
  | { type: "released"; address: string };

/** Shard to main, of drains under way. */
export type DrainShardMessage =
  /** Everyone that the drain is aimed at has been told. */
  | { type: "notified"; drain: number; notified: number }
  /** Everyone told by the drain has ended. */
  | { type: "drained"; drain: number };

/** Shard to main, for whoever looks at it. */
export type InspectionShardMessage =
  /** The answer to the request with that id. */
  | {
      type: "inspected";
      id: number;
      result: InspectResult[InspectRequest["type"]];
    }
  | { type: "followed"; transition: FollowedTransition };

/** Shard to main, of topics. */
export type TopicShardMessage =
  /** The shard has its first subscriber to a topic, or no more; told where there is a cluster. */
  | { type: "interest"; topic: string; isWanted: boolean }
  | { type: "count-subscribers"; request: number; topic: string }
  /** So many on this shard. */
  | { type: "subscribers"; request: number; count: number }
  | TopicMessage;

/** Shard to main, of its own lifecycle. */
export type LifecycleShardMessage =
  /** With why connections cannot move, where they cannot. */
  | { type: "ready"; moveBlocker: string | undefined }
  /** Everyone has been told to go. */
  | { type: "shutdown-notified" }
  /** The shutdown has nothing left to wait for: the thread asks to end. */
  | { type: "emptied" }
  /** The first failure of a hook for such a connection, and what was thrown. */
  | { type: "hook-failed"; cohort: Cohort; hook: HookName; said: string };

/** Shard to main. */
export type ShardMessage =
  | { type: "tls-reloaded"; error: string | undefined }
  | { type: "diagnostic"; channel: string; message: Record<string, unknown> }
  | LifecycleShardMessage
  | AdmissionShardMessage
  | DrainShardMessage
  | InspectionShardMessage
  | TopicShardMessage
  | MovingShardMessage;

export interface TlsMaterial {
  key: string;
  cert: string;
}

/** What a shard's task is given. */
export interface ShardTask {
  shard: number;
  /** The name of this instance in its cluster. */
  instance: string;
  port: MessagePort;
  counters: SharedArrayBuffer;
  config: Config;
  /** The table of topics, which all threads share. */
  topics: SharedArrayBuffer;
  /** What the connections of each shard hold, which all threads share. */
  memory: SharedArrayBuffer;
  tls: TlsMaterial | undefined;
  isReady: boolean;
  /** Diagnostics channels that have a subscriber in main; the rest stays in the thread. */
  forwarded: readonly string[];
  /** Handover is off for all shards, and why. */
  moveBlocker: string | undefined;
  /** Connections are read and written by way of sockets, and why not by their handles. */
  handleFault: string | undefined;
}

/** Why a shard could not begin, as plain data. */
export interface ShardFailure {
  code: SluiceErrorCode;
  message: string;
  /** What was thrown. */
  cause?: ForeignValue;
}

/** What a shard's task resolves with: the totals at its end. */
export interface ShardTotals {
  /** Why it could not begin; an error that crosses threads would lose its code. */
  failure?: ShardFailure;
  shard: number;
  opened: number;
  rejected: number;
}

/** The worker's entry, next to this file's build or source. */
export const shardUrl = new URL(
  `../workers/run-shard.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`,
  import.meta.url,
);
