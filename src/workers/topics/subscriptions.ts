import type { DroppedMessages, WhenCongested } from "../../handlers.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
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
export interface LocalTopic<Who extends Subscriber = Subscriber> {
  readonly name: string;
  readonly slot: number;
  readonly subscribers: Set<Who>;
  /** Messages that have come to it since it has subscribers here. */
  messages: number;
  /** Of those, by subscriber, how often one was left out for one that was slow. */
  dropped: number;
}

/** Who subscribes to what on this shard; the other threads see in the shared table that someone does. */
export class Subscriptions<Who extends Subscriber = Subscriber> {
  readonly #table: TopicTable;
  readonly #shard: number;
  readonly #onInterest: (topic: string, isWanted: boolean) => void;
  readonly #counters: Pick<ShardCounters, "add">;
  readonly #topics = new Map<string, LocalTopic<Who>>();

  /** @param onInterest - Told of the first subscriber to a topic, and when the last has gone. */
  constructor(
    table: TopicTable,
    shard: number,
    counters: Pick<ShardCounters, "add">,
    onInterest: (topic: string, isWanted: boolean) => void,
  ) {
    this.#table = table;
    this.#shard = shard;
    this.#counters = counters;
    this.#onInterest = onInterest;
  }

  get(topic: string): LocalTopic<Who> | undefined {
    return this.#topics.get(topic);
  }

  /** Every topic that has a subscriber here. */
  all(): Iterable<LocalTopic<Who>> {
    return this.#topics.values();
  }

  add(topic: string, subscriber: Who): void {
    let local = this.#topics.get(topic);
    if (local === undefined) {
      const slot = this.#table.slotOf(topic);
      const subscribers = new Set<Who>();
      local = { name: topic, slot, subscribers, messages: 0, dropped: 0 };
      this.#topics.set(topic, local);
      this.#counters.add("topics");
      this.#table.add(slot, this.#shard);
      this.#onInterest(topic, true);
    }
    if (local.subscribers.has(subscriber)) return;
    local.subscribers.add(subscriber);
    this.#counters.add("subscriptions");
  }

  delete(topic: string, subscriber: Who): void {
    const local = this.#topics.get(topic);
    if (!local?.subscribers.delete(subscriber)) return;
    this.#counters.add("subscriptions", -1);
    if (local.subscribers.size > 0) return;
    this.#topics.delete(topic);
    this.#counters.add("topics", -1);
    this.#table.remove(local.slot, this.#shard);
    this.#onInterest(topic, false);
  }
}
