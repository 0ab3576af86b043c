import type {
  HandlerShard,
  PresenceEvent,
  PresenceListener,
  PublishOptions,
  PublishStatus,
  SubscribeOptions,
  SubscriberCount,
  WhenCongested,
} from "../../handlers.ts";
import { SluiceError } from "../../errors.ts";
import type {
  MainMessage,
  ShardMessage,
  ShardTask,
} from "../../protocol/messages.ts";
import { momentNow } from "../../protocol/clock.ts";
import type {
  FrameBatch,
  ShardPort,
  TopicMessage,
} from "../../protocol/topic-messages.ts";
import { Outbox } from "../../topics/outbox.ts";
import { toPayload } from "../../topics/payload.ts";
import { readPresence } from "../../topics/presence.ts";
import { Publisher } from "../../topics/publisher.ts";
import {
  checkPublishing,
  checkTopic,
  isAnnouncement,
  measurePayload,
  narrowSubscribing,
  presenceTopic,
} from "../../topics/rules.ts";
import { bytesOf } from "../../topics/shared-frames.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import { Watchers } from "../../topics/watchers.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { FanOut, type FanOutHost } from "./fan-out.ts";
import { runsOf } from "./frame-runs.ts";
import { Links, type LinksOwner } from "./links.ts";
import { type LocalTopic, Subscriptions } from "./subscriptions.ts";

/** What main says about topics, introductions aside. */
type TopicMainMessage =
  | TopicMessage
  | Extract<MainMessage, { type: "count-subscribers" | "subscribers" }>;

/** What a shard's topics ask of the shard. */
export interface ShardTopicsHost extends FanOutHost {
  /** A listener of a watch has failed. */
  reportWatchFailure(error: unknown): void;
}

/** The topics of one shard: who subscribes, and what is published, here and by the other threads. */
export class ShardTopics implements HandlerShard, LinksOwner {
  readonly index: number;
  readonly maxPublishBacklogBytes: number;
  readonly #config: ShardTask["config"];
  readonly #instance: string;
  readonly #isClustered: boolean;
  readonly #post: (message: ShardMessage) => void;
  readonly #table: TopicTable;
  readonly #subscriptions: Subscriptions<LiveConnection>;
  readonly #watchers: Watchers;
  readonly #publisher: Publisher;
  readonly #fanOut: FanOut;
  readonly #links: Links;
  readonly #fromMain: (message: TopicMessage) => void;
  readonly #questions = new Map<number, (count: SubscriberCount) => void>();
  #asked = 0;

  constructor(
    task: ShardTask,
    host: ShardTopicsHost,
    post: (message: ShardMessage) => void,
  ) {
    const { config, shard } = task;
    this.index = shard;
    this.maxPublishBacklogBytes = config.maxPublishBacklogBytes;
    this.#config = config;
    this.#instance = task.instance;
    this.#isClustered = config.nats.length > 0;
    this.#post = post;
    this.#table = TopicTable.over(task.topics);
    const onInterest = (topic: string, isWanted: boolean): void => {
      if (this.#isClustered) post({ type: "interest", topic, isWanted });
    };
    this.#subscriptions = new Subscriptions(
      this.#table,
      shard,
      host.counters,
      onInterest,
    );
    this.#watchers = new Watchers(this.#table, shard, onInterest, (error) =>
      host.reportWatchFailure(error),
    );
    const { columns, main } = this.#table;
    const outboxes = Array.from({ length: columns }, (_, column) =>
      column === shard ? undefined : new Outbox(),
    );
    const toMain = outboxes[main] as Outbox;
    toMain.connect(post);
    this.#publisher = new Publisher({
      maxBacklogBytes: config.maxPublishBacklogBytes,
      table: this.#table,
      outboxes,
      takesAll: this.#isClustered ? main : undefined,
    });
    this.#fanOut = new FanOut(host);
    this.#links = new Links(outboxes, this);
    this.#fromMain = this.#links.receiver(toMain, post);
  }

  subscribe(
    connection: LiveConnection,
    topic: string,
    options: SubscribeOptions | undefined,
  ): boolean {
    checkTopic(topic, "subscribe()", this.#config);
    const { whenCongested = "close" } = narrowSubscribing(options);
    if (!connection.has("open")) return false;
    const subscriptions = (connection.subscriptions ??= new Map<
      string,
      WhenCongested
    >());
    if (subscriptions.has(topic)) {
      subscriptions.set(topic, whenCongested);
      return true;
    }
    const { maxTopicsPerConnection } = this.#config;
    if (subscriptions.size >= maxTopicsPerConnection)
      throw new SluiceError(
        "ERR_SLUICE_TOPIC_LIMIT",
        `subscribe(): the connection subscribes to ${subscriptions.size} topics, it may to ${maxTopicsPerConnection} (maxTopicsPerConnection)`,
      );
    subscriptions.set(topic, whenCongested);
    this.#subscriptions.add(topic, connection);
    this.#announce("joined", topic, connection);
    return true;
  }

  unsubscribe(connection: LiveConnection, topic: string): boolean {
    checkTopic(topic, "unsubscribe()", this.#config);
    if (!connection.subscriptions?.delete(topic)) return false;
    this.#subscriptions.delete(topic, connection);
    this.#announce("left", topic, connection);
    return true;
  }

  /**
   * A connection is about to leave this thread.
   *
   * @returns until when it has heard what is published: it is not to hear that again where it goes
   */
  heardUntil(): number {
    // What it has heard of this turn is posted before that moment, too.
    this.#publisher.flush();
    return momentNow();
  }

  /** It goes to another thread, with its subscriptions: nobody has left. */
  surrender(connection: LiveConnection): void {
    const { subscriptions } = connection;
    connection.subscriptions = null;
    for (const topic of subscriptions?.keys() ?? [])
      this.#subscriptions.delete(topic, connection);
  }

  /** It has come from another thread, with its subscriptions: nobody has joined. */
  takeOver(
    connection: LiveConnection,
    subscriptions: readonly (readonly [string, WhenCongested])[],
  ): void {
    if (subscriptions.length === 0) return;
    connection.subscriptions = new Map(subscriptions);
    for (const [topic] of subscriptions)
      this.#subscriptions.add(topic, connection);
  }

  /** The connection has ended, and its subscriptions with it. */
  forget(connection: LiveConnection): void {
    const { subscriptions } = connection;
    if (subscriptions === null) return;
    connection.subscriptions = null;
    for (const topic of subscriptions.keys()) {
      this.#subscriptions.delete(topic, connection);
      this.#announce("left", topic, connection);
    }
  }

  publish(
    topic: string,
    data: unknown,
    options?: PublishOptions,
  ): PublishStatus {
    return this.publishFrom(null, topic, data, checkPublishing(options));
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
    const length = measurePayload(payload, "publish()", this.#config);
    const local = this.#subscriptions.get(topic);
    const slot = local?.slot ?? this.#table.slotOf(topic);
    const published = this.#publisher.publish(
      topic,
      slot,
      payload,
      length,
      isBinary,
    );
    if (published.status === "refused") return "refused";
    if (local !== undefined) {
      const bytes = bytesOf(published.frame);
      const run = { bytes, frames: [bytes], at: Infinity };
      this.#fanOut.deliver(local, run, except);
    }
    return published.status;
  }

  published(): Promise<void> {
    return this.#publisher.drained();
  }

  async subscribers(topic: string): Promise<SubscriberCount> {
    // Here, where the caller hears of it: main asks nobody about what is no topic.
    checkTopic(topic, "subscribers()", this.#config);
    return await new Promise((resolve) => {
      const request = ++this.#asked;
      this.#questions.set(request, resolve);
      this.#post({ type: "count-subscribers", request, topic });
    });
  }

  watch(topic: string, listener: PresenceListener): () => void {
    checkTopic(topic, "watch()", this.#config);
    return this.#watchers.add(topic, listener);
  }

  /** Every topic that has a subscriber on this thread. */
  all(): Iterable<LocalTopic<LiveConnection>> {
    return this.#subscriptions.all();
  }

  /** A topic that has a subscriber on this thread. */
  find(topic: string): LocalTopic<LiveConnection> | undefined {
    return this.#subscriptions.get(topic);
  }

  connect(other: ShardPort): void {
    this.#links.connect(other);
  }

  take(message: TopicMainMessage): void {
    switch (message.type) {
      case "published":
      case "taken":
        return this.#fromMain(message);
      case "count-subscribers":
        return this.#post({
          type: "subscribers",
          request: message.request,
          count: this.#subscriptions.get(message.topic)?.subscribers.size ?? 0,
        });
      case "subscribers":
        this.#questions.get(message.request)?.(message.count);
        this.#questions.delete(message.request);
        return undefined;
    }
  }

  arrived(batches: readonly FrameBatch[]): void {
    for (const { topic, run } of runsOf(batches)) {
      if (isAnnouncement(topic))
        for (const frame of run.frames) {
          const event = readPresence(topic, frame);
          if (event !== undefined) this.#watchers.tell(event);
        }
      const local = this.#subscriptions.get(topic);
      if (local !== undefined) this.#fanOut.deliver(local, run, null);
    }
  }

  relieved(): void {
    this.#publisher.relieve();
  }

  /** The thread is about to end: what its last turn has published goes out first. */
  close(): void {
    this.#publisher.flush();
    this.#links.close();
  }

  /** To those who watch the topic, wherever they are. */
  #announce(
    type: PresenceEvent["type"],
    topic: string,
    connection: LiveConnection,
  ): void {
    const announcements = presenceTopic(topic);
    const slot = this.#table.slotOf(announcements);
    if (!this.#isClustered && !this.#table.hasAny(slot)) return;
    const event: PresenceEvent = {
      type,
      topic,
      connection: connection.id,
      instance: this.#instance,
    };
    this.#watchers.tell(event);
    const text = JSON.stringify(event);
    const length = Buffer.byteLength(text);
    this.#publisher.publish(announcements, slot, text, length, false);
  }
}
