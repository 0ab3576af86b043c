import { randomBytes } from "node:crypto";
import { MessageChannel } from "node:worker_threads";
import type { Config } from "../../config.ts";
import type { PublishOptions, PublishStatus } from "../../handlers.ts";
import type { ShardMessage } from "../../protocol/messages.ts";
import type { TopicMessage } from "../../protocol/topics.ts";
import { Outbox } from "../../topics/outbox.ts";
import { toPayload } from "../../topics/payload.ts";
import { Publisher } from "../../topics/publisher.ts";
import { checkTopic } from "../../topics/rules.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import type { Shard } from "../shard.ts";

/** What shards tell main about topics. */
type TopicShardMessage = Extract<
  ShardMessage,
  { type: "interest" } | TopicMessage
>;

/**
 * Main's part in topics: it introduces the shards to each other, after which
 * they publish to one another without it, and publishes for whoever calls
 * `server.publish`.
 */
export class TopicRouter {
  readonly table: TopicTable;
  readonly #config: Config;
  readonly #shards: readonly Shard[];
  readonly #outboxes: readonly Outbox[];
  readonly #publisher: Publisher;
  /** Shards that have been introduced. */
  readonly #introduced = new Set<Shard>();

  constructor(config: Config, shards: readonly Shard[]) {
    this.#config = config;
    this.#shards = shards;
    this.table = TopicTable.create(
      config.workers,
      randomBytes(4).readUInt32LE(),
    );
    this.#outboxes = shards.map(
      (shard) => new Outbox((message) => shard.post(message)),
    );
    this.#publisher = new Publisher({
      limits: config,
      table: this.table,
      outboxes: this.#outboxes,
    });
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
    this.#introduced.delete(this.#shards[index] as Shard);
    this.table.clear(index);
    const outbox = this.#outboxes[index] as Outbox;
    outbox.taken(outbox.backlogBytes);
    this.#publisher.relieve();
  }

  take(shard: Shard, message: TopicShardMessage): void {
    switch (message.type) {
      case "taken":
        this.#outboxes[shard.index]?.taken(message.bytes);
        return this.#publisher.relieve();
      case "interest":
      case "published":
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
    return this.#publisher.publish(
      topic,
      this.table.slotOf(topic),
      payload,
      isBinary,
      "publish()",
    ).status;
  }

  published(): Promise<void> {
    return this.#publisher.drained();
  }
}
