import type { DroppedMessages, WhenCongested } from "../../handlers.ts";
import type { SharedPublication } from "../connection/publication.ts";
import type { TopicTable } from "../../topics/topic-table.ts";

/** What a topic asks of a connection that subscribes to it. */
export interface Subscriber {
  readonly lifecycle: { readonly name: string };
  readonly bufferedBytes: number;
  /** Its topics, and what is to become of their messages while it is slow. */
  readonly subscriptions: ReadonlyMap<string, WhenCongested> | null;
  /** Where the connection is compressed. */
  readonly compressor: {
    deliver(publication: SharedPublication): void;
  } | null;
  readonly writer: { bytes(frames: Buffer): void };
  /** What was posted by then, the thread that it lived in had the turn to pass on; see `momentNow`. */
  readonly heardUntil: number;
  messagesOut: number;
  droppedMessages: number;
  has(tag: "open"): boolean;
  tell(event: "buffer.exceeded"): void;
  drained(): Promise<void>;
  /** It has caught up, and is told what it has missed. */
  messagesDropped(missed: readonly DroppedMessages[]): void;
}

/** A topic that has subscribers on this shard. */
export interface LocalTopic {
  readonly name: string;
  readonly slot: number;
  readonly subscribers: Set<Subscriber>;
}

/** Who subscribes to what on this shard; the other threads see in the shared table that someone does. */
export class Subscriptions {
  readonly #table: TopicTable;
  readonly #shard: number;
  readonly #onInterest: (topic: string, isWanted: boolean) => void;
  readonly #topics = new Map<string, LocalTopic>();

  /** @param onInterest - Told of the first subscriber to a topic, and when the last has gone. */
  constructor(
    table: TopicTable,
    shard: number,
    onInterest: (topic: string, isWanted: boolean) => void,
  ) {
    this.#table = table;
    this.#shard = shard;
    this.#onInterest = onInterest;
  }

  get(topic: string): LocalTopic | undefined {
    return this.#topics.get(topic);
  }

  add(topic: string, subscriber: Subscriber): void {
    let local = this.#topics.get(topic);
    if (local === undefined) {
      const slot = this.#table.slotOf(topic);
      local = { name: topic, slot, subscribers: new Set() };
      this.#topics.set(topic, local);
      this.#table.add(slot, this.#shard);
      this.#onInterest(topic, true);
    }
    local.subscribers.add(subscriber);
  }

  delete(topic: string, subscriber: Subscriber): void {
    const local = this.#topics.get(topic);
    if (!local?.subscribers.delete(subscriber) || local.subscribers.size > 0)
      return;
    this.#topics.delete(topic);
    this.#table.remove(local.slot, this.#shard);
    this.#onInterest(topic, false);
  }
}
