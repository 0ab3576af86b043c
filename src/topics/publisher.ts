import { momentNow } from "../protocol/clock.ts";
import type { Outbox } from "./outbox.ts";
import { type SharedFrame, SharedFrames } from "./shared-frames.ts";
import type { TopicTable } from "./topic-table.ts";

/** Over this share of the bound a publisher is told, at or under it those who wait go on. */
const CONGESTED_SHARE = 0.5;

/** What became of a publication, and its frame unless it was refused. */
export type Published =
  | { readonly status: "sent" | "congested"; readonly frame: SharedFrame }
  | { readonly status: "refused" };

/**
 * Publishes from one thread to the others: frames a message once and gives it
 * to those that have a subscriber. What one turn of the event loop publishes
 * travels together.
 */
export class Publisher {
  readonly #maxBacklogBytes: number;
  readonly #table: TopicTable;
  /** By the column of the thread they lead to; none leads to this one. */
  readonly #outboxes: readonly (Outbox | undefined)[];
  /** The column of a thread that takes everything, whoever subscribes. */
  readonly #takesAll: number | undefined;
  readonly #frames = new SharedFrames();
  /** Published since the event loop last turned: this thread's own sockets take it at the turn. */
  #turnBytes = 0;
  #isScheduled = false;
  #waiting: (() => void)[] = [];

  constructor(options: {
    maxBacklogBytes: number;
    table: TopicTable;
    outboxes: readonly (Outbox | undefined)[];
    takesAll?: number | undefined;
  }) {
    this.#maxBacklogBytes = options.maxBacklogBytes;
    this.#table = options.table;
    this.#outboxes = options.outboxes;
    this.#takesAll = options.takesAll;
  }

  /**
   * Gives a message to every other thread that has a subscriber.
   *
   * @param slot - Of the topic in the table.
   * @param length - Of the payload in bytes, in UTF-8 for text.
   */
  publish(
    topic: string,
    slot: number,
    payload: string | Uint8Array,
    length: number,
    isBinary: boolean,
  ): Published {
    const targets = this.#targets(slot);
    // All or none: it is refused before anyone gets it.
    if (!this.#hasRoom(length, targets)) return { status: "refused" };
    const frame = this.#frames.frame(payload, length, isBinary);
    this.#turnBytes += length;
    for (const target of targets) target.add(topic, frame);
    this.#schedule();
    return { status: this.#isCongested ? "congested" : "sent", frame };
  }

  /** Resolves when the backlog is small again. */
  drained(): Promise<void> {
    if (!this.#isCongested) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A backlog has become smaller, or has gone. */
  relieve(): void {
    if (this.#waiting.length === 0 || this.#isCongested) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Bytes that the slowest of the other threads has not passed on. */
  get backlogBytes(): number {
    let most = this.#turnBytes;
    for (const outbox of this.#outboxes)
      most = Math.max(most, outbox?.backlogBytes ?? 0);
    return most;
  }

  get #isCongested(): boolean {
    return this.backlogBytes > this.#maxBacklogBytes * CONGESTED_SHARE;
  }

  #hasRoom(bytes: number, targets: readonly Outbox[]): boolean {
    const room = this.#maxBacklogBytes - bytes;
    return (
      this.#turnBytes <= room &&
      targets.every(({ backlogBytes }) => backlogBytes <= room)
    );
  }

  #targets(slot: number): Outbox[] {
    const targets: Outbox[] = [];
    for (let column = 0; column < this.#outboxes.length; column++) {
      const outbox = this.#outboxes[column];
      const isWanted =
        column === this.#takesAll || this.#table.has(slot, column);
      if (outbox !== undefined && isWanted) targets.push(outbox);
    }
    return targets;
  }

  /** Posts what this turn has published so far, before something else that must not overtake it. */
  flush(): void {
    const at = momentNow();
    for (const outbox of this.#outboxes) outbox?.flush(at);
  }

  /** After the sockets of this turn have been read, so that all of them share one message. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
      this.#turnBytes = 0;
      this.relieve();
    });
  }
}
