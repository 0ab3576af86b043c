import type {
  HandlerShard,
  PublishOptions,
  PublishStatus,
  SubscribeOptions,
  WhenCongested,
} from "../../handlers.ts";
import { SluiceError } from "../../errors.ts";
import type { ShardMessage, ShardTask } from "../../protocol/messages.ts";
import type {
  FrameBatch,
  PeerPort,
  TopicMessage,
} from "../../protocol/topics.ts";
import { Outbox } from "../../topics/outbox.ts";
import { toPayload } from "../../topics/payload.ts";
import { Publisher } from "../../topics/publisher.ts";
import { checkTopic } from "../../topics/rules.ts";
import { bytesOf } from "../../topics/shared-frames.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import type { LiveConnection } from "../connection.ts";
import type { ShardContext } from "../shard-context.ts";
import { runsOf } from "./frame-runs.ts";
import { FanOut } from "./fan-out.ts";
import { Links, type LinksOwner } from "./links.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The topics of one shard: who subscribes, and what is published, here and by the other threads. */
export class ShardTopics implements HandlerShard, LinksOwner {
  readonly index: number;
  readonly maxPublishBacklogBytes: number;
  readonly #config: ShardTask["config"];
  readonly #table: TopicTable;
  readonly #subscriptions: Subscriptions;
  readonly #publisher: Publisher;
  readonly #fanOut: FanOut;
  readonly #links: Links;
  readonly #fromMain: (message: TopicMessage) => void;

  constructor(
    task: ShardTask,
    context: ShardContext,
    post: (message: ShardMessage) => void,
  ) {
    const { config, shard } = task;
    this.index = shard;
    this.maxPublishBacklogBytes = config.maxPublishBacklogBytes;
    this.#config = config;
    this.#table = TopicTable.over(task.topics);
    this.#subscriptions = new Subscriptions(this.#table, shard, () => {});
    const outboxes = Array.from({ length: this.#table.columns }, (_, index) =>
      index === shard ? undefined : new Outbox(),
    );
    this.#publisher = new Publisher({
      limits: config,
      table: this.#table,
      outboxes,
    });
    this.#fanOut = new FanOut(context);
    this.#links = new Links(outboxes, this);
    this.#fromMain = this.#links.receiver(undefined, post);
  }

  subscribe(
    connection: LiveConnection,
    topic: string,
    { whenCongested = "close" }: SubscribeOptions,
  ): boolean {
    checkTopic(topic, "subscribe()", this.#config);
    if (!connection.has("open")) return false;
    const subscriptions = (connection.subscriptions ??= new Map<
      string,
      WhenCongested
    >());
    const { maxTopicsPerConnection } = this.#config;
    if (!subscriptions.has(topic)) {
      if (subscriptions.size >= maxTopicsPerConnection)
        throw new SluiceError(
          "ERR_SLUICE_TOPIC_LIMIT",
          `subscribe(): the connection subscribes to ${subscriptions.size} topics, it may to ${maxTopicsPerConnection} (maxTopicsPerConnection)`,
        );
      this.#subscriptions.add(topic, connection);
    }
    subscriptions.set(topic, whenCongested);
    return true;
  }

  unsubscribe(connection: LiveConnection, topic: string): boolean {
    if (!connection.subscriptions?.delete(topic)) return false;
    this.#subscriptions.delete(topic, connection);
    return true;
  }

  /** The connection has ended, and its subscriptions with it. */
  forget(connection: LiveConnection): void {
    if (connection.subscriptions === null) return;
    for (const topic of connection.subscriptions.keys())
      this.#subscriptions.delete(topic, connection);
    connection.subscriptions = null;
  }

  publish(
    topic: string,
    data: unknown,
    options: PublishOptions = {},
  ): PublishStatus {
    return this.publishFrom(null, topic, data, options);
  }

  /** @param except - Who does not get it, though it may subscribe. */
  publishFrom(
    except: LiveConnection | null,
    topic: string,
    data: unknown,
    { isBinary = typeof data !== "string" }: PublishOptions,
  ): PublishStatus {
    checkTopic(topic, "publish()", this.#config);
    const payload = toPayload(data, "publish()");
    const local = this.#subscriptions.get(topic);
    const slot = local?.slot ?? this.#table.slotOf(topic);
    const published = this.#publisher.publish(
      topic,
      slot,
      payload,
      isBinary,
      "publish()",
    );
    if (published.status === "refused") return "refused";
    if (local !== undefined) {
      const bytes = bytesOf(published.frame);
      this.#fanOut.deliver(local, { bytes, frames: [bytes] }, except);
    }
    return published.status;
  }

  published(): Promise<void> {
    return this.#publisher.drained();
  }

  connect(peer: PeerPort): void {
    this.#links.connect(peer);
  }

  takeFromMain(message: TopicMessage): void {
    this.#fromMain(message);
  }

  arrived(batches: readonly FrameBatch[]): void {
    for (const { topic, run } of runsOf(batches)) {
      const local = this.#subscriptions.get(topic);
      if (local !== undefined) this.#fanOut.deliver(local, run, null);
    }
  }

  relieved(): void {
    this.#publisher.relieve();
  }

  close(): void {
    this.#links.close();
  }
}
