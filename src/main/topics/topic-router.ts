import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type { Config } from "../../config.ts";
import type {
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscriberCount,
} from "../../handlers.ts";
import type { TopicShardMessage } from "../../protocol/messages.ts";
import type { FrameBatch } from "../../protocol/topic-messages.ts";
import { Outbox } from "../../topics/outbox.ts";
import { toPayload } from "../../topics/payload.ts";
import { decodePresence, readPresence } from "../../topics/presence.ts";
import { Publisher } from "../../topics/publisher.ts";
import { Receipts } from "../../topics/receipts.ts";
import {
  checkTopic,
  isAnnouncement,
  measurePayload,
} from "../../topics/rules.ts";
import { bytesOf, contentOf } from "../../topics/shared-frames.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import { Watchers } from "../../topics/watchers.ts";
import { channels } from "../../protocol/channels.ts";
import { aside } from "../aside.ts";
import type { ClusterEngine, SubscriberTally } from "../cluster/engine.ts";
import type { Fleet } from "../shards/fleet.ts";
import type { Shard } from "../shards/shard.ts";
import type { MainSurroundings } from "../main-surroundings.ts";
import { SubscriberCounts } from "./subscriber-count.ts";
import { Interests } from "./interests.ts";

/**
 * Main's part in topics: it introduces the shards to each other, after which
 * they publish to one another without it, and publishes and watches for whoever
 * asks the server to.
 */
export class TopicRouter {
  readonly table: TopicTable;
  readonly #config: Config;
  readonly #createChannel: MainSurroundings["createChannel"];
  readonly #fleet: Fleet;
  readonly #outboxes: readonly Outbox[];
  readonly #receipts: Receipts[];
  readonly #publisher: Publisher;
  readonly #watchers: Watchers;
  readonly #counts: SubscriberCounts;
  readonly #engine: ClusterEngine;
  readonly #interests: Interests;
  /** Messages of other instances that the shards had no room for. */
  undelivered = 0;
  /** Shards that have been introduced, by index. */
  readonly #introduced = new Map<number, Shard>();

  constructor(
    config: Config,
    fleet: Fleet,
    engine: ClusterEngine,
    createChannel: MainSurroundings["createChannel"],
  ) {
    this.#createChannel = createChannel;
    this.#engine = engine;
    this.#interests = new Interests((topic, isWanted) =>
      engine.setInterest(topic, isWanted),
    );
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
    const { main } = this.table;
    this.#watchers = new Watchers(
      this.table,
      main,
      (topic, isWanted) => this.#interests.set(topic, main, isWanted),
      (error) =>
        channel(channels.handlerError).publish({ hook: "watch", error }),
    );
    this.#counts = new SubscriberCounts(fleet, this.table);
  }

  /** A shard's thread is gone, for certain. */
  forget(index: number): void {
    this.#introduced.delete(index);
    this.#receipts[index] = this.#receiptsFor(index);
    this.table.clear(index);
    this.#counts.forget(index);
    this.#interests.forget(index);
    const outbox = this.#outboxes[index] as Outbox;
    outbox.taken(outbox.backlogBytes);
    this.#publisher.relieve();
  }

  /** Takes what a shard says of topics. */
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
        return this.#counts.answered(index, message.request, message.count);
      case "count-subscribers": {
        const { request, topic } = message;
        aside(
          this.#countFor(shard, request, topic),
          `counting the subscribers for shard ${index}`,
        );
        return undefined;
      }
      case "interest":
        return this.#interests.set(message.topic, index, message.isWanted);
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
    const published = this.#publisher.publish(
      topic,
      slot,
      payload,
      length,
      isBinary,
    );
    if (published.status === "refused") return "refused";
    if (this.#engine.isClustered)
      this.#engine.publish(
        topic,
        contentOf(bytesOf(published.frame)).payload,
        isBinary,
      );
    return published.status;
  }

  /** Posts what main has published so far, before something that must not overtake it. */
  flush(): void {
    this.#publisher.flush();
  }

  published(): Promise<void> {
    return this.#publisher.drained();
  }

  async subscribers(topic: string): Promise<SubscriberCount> {
    checkTopic(topic, "subscribers()", this.#config);
    const [here, elsewhere] = await Promise.all([
      this.#counts.count(topic),
      this.#engine.countElsewhere(topic),
    ]);
    return {
      here: here.count,
      cluster: here.count + elsewhere.count,
      isComplete: here.isComplete && elsewhere.isComplete,
    };
  }

  /** Whoever waits in the shard is answered, whatever becomes of the count. */
  async #countFor(shard: Shard, request: number, topic: string): Promise<void> {
    let count: SubscriberCount = { here: 0, cluster: 0, isComplete: false };
    try {
      count = await this.subscribers(topic);
    } finally {
      shard.post({ type: "subscribers", request, count });
    }
  }

  /** Counts those on this instance, for another one. */
  count(topic: string): Promise<SubscriberTally> {
    return this.#counts.count(topic);
  }

  /**
   * A message of another instance: to the shards that have a subscriber.
   *
   * @returns false when it is none that this server would have let anyone publish
   */
  deliver(topic: string, payload: Buffer, isBinary: boolean): boolean {
    const event = isAnnouncement(topic)
      ? decodePresence(topic, payload)
      : undefined;
    const isGood = isAnnouncement(topic)
      ? event !== undefined
      : payload.length <= this.#config.maxPayloadBytes &&
        (isBinary || isUtf8(payload));
    if (!isGood) return false;
    const { status } = this.#publisher.publish(
      topic,
      this.table.slotOf(topic),
      payload,
      payload.length,
      isBinary,
    );
    if (status === "refused") this.undelivered++;
    if (event !== undefined) this.#watchers.tell(event);
    return true;
  }

  watch(topic: string, listener: PresenceListener): () => void {
    checkTopic(topic, "watch()", this.#config);
    return this.#watchers.add(topic, listener);
  }

  /** A shard's thread is ready: gives it a port to every other, before its first socket. Once in its life. */
  introduce(shard: Shard): void {
    for (const other of this.#introduced.values()) {
      const { port1, port2 } = this.#createChannel();
      shard.post(
        { type: "introduce", other: { shard: other.index, port: port1 } },
        [port1],
      );
      other.post(
        { type: "introduce", other: { shard: shard.index, port: port2 } },
        [port2],
      );
    }
    this.#introduced.set(shard.index, shard);
  }

  #arrived(batches: readonly FrameBatch[]): void {
    for (const { memory, entries } of batches)
      for (const [topic, start, end] of entries) {
        const frame = bytesOf({ memory, start, end });
        const event = isAnnouncement(topic)
          ? readPresence(topic, frame)
          : undefined;
        if (event !== undefined) this.#watchers.tell(event);
        if (!this.#engine.isClustered) continue;
        const { payload, isBinary } = contentOf(frame);
        this.#engine.publish(topic, payload, isBinary);
      }
  }

  #receiptsFor(index: number): Receipts {
    return new Receipts(this.#config.maxPublishBacklogBytes, (message) =>
      this.#fleet.withIndex(index)?.post(message),
    );
  }
}
