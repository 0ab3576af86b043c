import type { TopicTable } from "../../topics/topic-table.ts";
import type { LiveConnection } from "../connection/connection.ts";

/** A topic that has subscribers on this shard. */
export interface LocalTopic {
  readonly name: string;
  readonly slot: number;
  readonly subscribers: Set<LiveConnection>;
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

  add(topic: string, subscriber: LiveConnection): void {
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

  delete(topic: string, subscriber: LiveConnection): void {
    const local = this.#topics.get(topic);
    if (!local?.subscribers.delete(subscriber) || local.subscribers.size > 0)
      return;
    this.#topics.delete(topic);
    this.#table.remove(local.slot, this.#shard);
    this.#onInterest(topic, false);
  }
}
