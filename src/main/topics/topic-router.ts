import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { MessageChannel } from "node:worker_threads";
import type { Config } from "../../config.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../../handlers.ts";
import type { ShardMessage } from "../../protocol/messages.ts";
import type { FrameBatch, TopicMessage } from "../../protocol/topics.ts";
import { Outbox } from "../../topics/outbox.ts";
import { toPayload } from "../../topics/payload.ts";
import { readPresence } from "../../topics/presence.ts";
import { Publisher } from "../../topics/publisher.ts";
import { Receipts } from "../../topics/receipts.ts";
import {
  checkTopic,
  isAnnouncement,
  measurePayload,
} from "../../topics/rules.ts";
import { bytesOf } from "../../topics/shared-frames.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import { Watchers } from "../../topics/watchers.ts";
import type { Fleet } from "../fleet.ts";
import type { Shard } from "../shard.ts";
import { Census } from "./census.ts";

/** What shards tell main about topics. */
type TopicShardMessage =
  | TopicMessage
  | Extract<
      ShardMessage,
      { type: "interest" | "count-subscribers" | "subscribers" }
    >;

/**
 * Main's part in topics: it introduces the shards to each other, after which
 * they publish to one another without it, and publishes and watches for whoever
 * asks the server to.
 */
export class TopicRouter {
  readonly instance = `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
  readonly table: TopicTable;
  readonly #config: Config;
  readonly #fleet: Fleet;
  readonly #outboxes: readonly Outbox[];
  readonly #receipts: Receipts[];
  readonly #publisher: Publisher;
  readonly #watchers: Watchers;
  readonly #census: Census;
  /** Shards that have been introduced. */
  readonly #introduced = new Set<Shard>();

  constructor(config: Config, fleet: Fleet) {
    this.#config = config;
    this.#fleet = fleet;
    const seed = randomBytes(4).readUInt32LE();
    this.table = TopicTable.create(fleet.capacity, seed);
    const indexes = [...Array(fleet.capacity).keys()];
    this.#outboxes = indexes.map(
      (index) => new Outbox((message) => fleet.withIndex(index)?.post(message)),
    );
    this.#receipts = indexes.map((index) => this.#receiptsFor(index));
    this.#publisher = new Publisher({
      maxBacklogBytes: config.maxPublishBacklogBytes,
      table: this.table,
      outboxes: this.#outboxes,
    });
    this.#watchers = new Watchers(this.table, this.table.main, () => {});
    this.#census = new Census(fleet, this.table);
  }

  /** A shard's thread is ready: gives it a port to every other, before its first socket. */
  connect(shard: Shard): void {
    for (const other of this.#introduced) {
      const { port1, port2 } = new MessageChannel();
      shard.post({ type: "peer", peer: { shard: other.index, port: port1 } }, [
        port1,
      ]);
      other.post({ type: "peer", peer: { shard: shard.index, port: port2 } }, [
        port2,
      ]);
    }
    this.#introduced.add(shard);
  }

  /** A shard's thread is gone, for certain. */
  forget(index: number): void {
    const shard = this.#fleet.withIndex(index);
    if (shard !== undefined) this.#introduced.delete(shard);
    this.#receipts[index] = this.#receiptsFor(index);
    this.table.clear(index);
    this.#census.forget(index);
    const outbox = this.#outboxes[index] as Outbox;
    outbox.taken(outbox.backlogBytes);
    this.#publisher.relieve();
  }

  take(shard: Shard, message: TopicShardMessage): void {
    const { index } = shard;
    switch (message.type) {
      case "taken":
        this.#outboxes[index]?.taken(message.bytes);
        return this.#publisher.relieve();
      case "published":
        this.#arrived(message.batches);
        return this.#receipts[index]?.passedOn(message.batches);
      case "subscribers":
        return this.#census.answered(index, message.request, message.count);
      case "count-subscribers": {
        const { request, topic } = message;
        void this.subscribers(topic).then((count) =>
          shard.post({ type: "subscribers", request, count }),
        );
        return undefined;
      }
      case "interest":
        return undefined;
    }
  }

  publish(
    topic: string,
    data: unknown,
    { isBinary = typeof data !== "string" }: PublishOptions,
  ): PublishStatus {
    checkTopic(topic, "publish()", this.#config);
    const payload = toPayload(data, "publish()");
    const length = measurePayload(payload, "publish()", this.#config);
    const slot = this.table.slotOf(topic);
    return this.#publisher.publish(topic, slot, payload, length, isBinary)
      .status;
  }

  published(): Promise<void> {
    return this.#publisher.drained();
  }

  async subscribers(topic: string): Promise<SubscriberCount> {
    const { count, isComplete } = await this.#census.count(topic);
    return { here: count, cluster: count, isComplete };
  }

  watch(topic: string, listener: PresenceListener): () => void {
    checkTopic(topic, "watch()", this.#config);
    return this.#watchers.add(topic, listener);
  }

  #arrived(batches: readonly FrameBatch[]): void {
    for (const { memory, entries } of batches)
      for (const [topic, start, end] of entries)
        if (isAnnouncement(topic))
          this.#watchers.tell(readPresence(bytesOf({ memory, start, end })));
  }

  #receiptsFor(index: number): Receipts {
    return new Receipts(this.#config.maxPublishBacklogBytes, (message) =>
      this.#fleet.withIndex(index)?.post(message),
    );
  }
}
