import type {
  BatchEntry,
  FrameBatch,
  TopicMessage,
} from "../protocol/topic-messages.ts";
import { momentNow } from "../protocol/clock.ts";
import type { SharedFrame } from "./shared-frames.ts";

/** What a publication weighs besides its frame, so that empty ones are bounded too. */
const ENTRY_BYTES = 64;

/** A batch as it is gathered: it has its moment when the turn is over in which it was published. */
interface Gathered extends FrameBatch {
  at: number;
  readonly entries: BatchEntry[];
}

/** The turn is not over yet. */
const NOT_YET = 0;

/**
 * What one thread publishes to another: gathered, posted together, and counted
 * until the other side says that it has passed it on.
 */
export class Outbox {
  #post: ((message: TopicMessage) => void) | undefined;
  #batches: Gathered[] = [];
  /** Of this turn, the last. */
  #batch: Gathered | undefined;
  /** Bytes published and not yet passed on by the other side. */
  backlogBytes = 0;

  /** @param post - Absent while the link is not made: what is published waits. */
  constructor(post?: (message: TopicMessage) => void) {
    this.#post = post;
  }

  add(topic: string, frame: SharedFrame): void {
    const { memory } = frame;
    if (this.#batch?.memory !== memory) {
      this.#batch = { memory, entries: [], at: NOT_YET };
      this.#batches.push(this.#batch);
    }
    this.#batch.entries.push([topic, frame.start, frame.end]);
    this.backlogBytes += weigh(topic, frame.end - frame.start);
  }

  /**
   * Posts what has been gathered, once the link is made.
   *
   * @param at - The same for all to which a turn has published: whoever has had
   *   it from one of them left that one later.
   */
  flush(at: number): void {
    if (this.#batches.length === 0) return;
    for (const batch of this.#batches) if (batch.at === NOT_YET) batch.at = at;
    this.#batch = undefined;
    if (this.#post === undefined) return;
    const batches = this.#batches;
    this.#batches = [];
    this.#post({ type: "published", batches });
  }

  /**
   * The other side has passed so many bytes on. It cannot have passed on more
   * than it was given, whatever it says: that would make room for ever.
   */
  taken(bytes: number): void {
    this.backlogBytes = Math.max(0, this.backlogBytes - bytes);
  }

  /** The link is made: what waited goes first. */
  connect(post: (message: TopicMessage) => void): void {
    this.#post = post;
    // What was posted to a thread before this one is not its to pass on.
    this.backlogBytes = weighBatches(this.#batches);
    this.flush(momentNow());
  }

  /** The other thread is gone, with all that it had not passed on. */
  reset(): void {
    this.#post = undefined;
    this.#batches = [];
    this.#batch = undefined;
    this.backlogBytes = 0;
  }
}

/** What a publication counts for in a backlog. */
function weigh(topic: string, frameBytes: number): number {
  return frameBytes + topic.length + ENTRY_BYTES;
}

/** What batches count for in the backlog of their sender. */
export function weighBatches(batches: readonly FrameBatch[]): number {
  let bytes = 0;
  for (const { entries } of batches)
    for (const [topic, start, end] of entries)
      bytes += weigh(topic, end - start);
  return bytes;
}
