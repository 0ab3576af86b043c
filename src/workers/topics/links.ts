import type {
  FrameBatch,
  ShardPort,
  TopicMessage,
} from "../../protocol/topic-messages.ts";
import type { Outbox } from "../../topics/outbox.ts";
import { Receipts } from "../../topics/receipts.ts";

/** What the links tell their shard. */
export interface LinksOwner {
  readonly maxPublishBacklogBytes: number;
  /** Another thread's publications have come. */
  arrived(batches: readonly FrameBatch[]): void;
  /** Another thread has passed publications on, or is gone. */
  relieved(): void;
}

/** The ways on which publications come from other threads, and receipts for ours. */
export class Links {
  /** By shard; this one's own is absent. */
  readonly #outboxes: readonly (Outbox | undefined)[];
  readonly #owner: LinksOwner;
  readonly #ports = new Map<number, ShardPort["port"]>();

  constructor(outboxes: readonly (Outbox | undefined)[], owner: LinksOwner) {
    this.#outboxes = outboxes;
    this.#owner = owner;
  }

  /** A shard has started, or started again. */
  connect({ shard, port }: ShardPort): void {
    const outbox = this.#outboxes[shard];
    if (outbox === undefined) return port.close();
    const post = (message: TopicMessage): void => port.postMessage(message);
    const previous = this.#ports.get(shard);
    this.#ports.set(shard, port);
    const listen = (): void => {
      port.on("message", this.receiver(outbox, post));
    };
    // The thread before has ended, but its last words may not have been read
    // yet: its end of the port closes behind them.
    if (previous === undefined) listen();
    else previous.once("close", listen);
    port.on("close", () => {
      // The shard's next thread may have a port already.
      if (this.#ports.get(shard) !== port) return;
      this.#ports.delete(shard);
      outbox.reset();
      this.#owner.relieved();
    });
    outbox.connect(post);
    return undefined;
  }

  /**
   * Makes one that takes what comes over a link.
   *
   * @param outbox - What goes out over the same link; absent where nothing does.
   */
  receiver(
    outbox: Outbox | undefined,
    post: (message: TopicMessage) => void,
  ): (message: TopicMessage) => void {
    const receipts = new Receipts(this.#owner.maxPublishBacklogBytes, post);
    return (message) => {
      if (message.type === "taken") {
        outbox?.taken(message.bytes);
        this.#owner.relieved();
      } else {
        this.#owner.arrived(message.batches);
        receipts.passedOn(message.batches);
      }
    };
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
  }
}
