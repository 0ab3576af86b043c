import type { MessagePort } from "node:worker_threads";

/** A topic, and where in the batch's memory a frame for its subscribers begins and ends. */
export type BatchEntry = readonly [topic: string, start: number, end: number];

/** Publications that lie in one piece of memory, in the order in which they were made. */
export interface FrameBatch {
  /** When it was posted, or was about to be; see `momentNow`. */
  readonly at: number;
  readonly memory: SharedArrayBuffer;
  readonly entries: readonly BatchEntry[];
}

/** What passes between publishers in one thread and subscribers in another, whichever threads they are. */
export type TopicMessage =
  | { type: "published"; batches: readonly FrameBatch[] }
  /** The receiver has passed so many bytes of publications on, as the sender counts them. */
  | { type: "taken"; bytes: number };

/** A port to another shard, for both ends of the link. */
export interface ShardPort {
  readonly shard: number;
  readonly port: MessagePort;
}
