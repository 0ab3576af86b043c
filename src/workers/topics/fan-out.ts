import { contentOf, SharedFrames } from "../../topics/shared-frames.ts";
import type { ShardCounters } from "../../protocol/shard-counters.ts";
import type { Config } from "../../config.ts";
import {
  type DeflationParts,
  type PublishedRun,
  SharedPublication,
} from "../connection/publication.ts";
import type { LocalTopic, Subscriber } from "./subscriptions.ts";

/** Messages to one topic: frames that lie behind each other. */
export interface FrameRun extends PublishedRun {
  /** When its publisher posted it; see `momentNow`. */
  readonly at: number;
}

/** What a fan-out asks of its shard. */
export interface FanOutHost {
  readonly config: Pick<Config, "highWaterMarkBytes" | "maxBufferedBytes">;
  readonly counters: ShardCounters;
  readonly deflatePool: DeflationParts["pool"];
  readonly batcher: { readonly pins: DeflationParts["pins"] };
}

/** What one connection has missed, until it is told. */
type Missed = Map<string, number>;

/** Writes the same bytes to every subscriber of a topic on this shard. */
export class FanOut {
  readonly #host: FanOutHost;
  readonly #deflating: DeflationParts;
  readonly #missed = new Map<Subscriber, Missed>();

  constructor(host: FanOutHost) {
    this.#host = host;
    const { deflatePool, batcher } = host;
    const frames = new SharedFrames();
    this.#deflating = { pool: deflatePool, frames, pins: batcher.pins };
  }

  /**
   * Queues the run for every open subscriber. A slow one is left out or closed,
   * as its subscription says; the others do not wait for it.
   *
   * @param except - The publisher, unless it is to hear itself.
   */
  deliver(topic: LocalTopic, run: FrameRun, except: Subscriber | null): void {
    const { counters, config } = this.#host;
    const { name, subscribers } = topic;
    const { bytes, frames, at } = run;
    let publication: SharedPublication | null = null;
    topic.messages += frames.length;
    counters.add("topicMessages", frames.length);
    const { highWaterMarkBytes, maxBufferedBytes } = config;
    let delivered = 0;
    for (const subscriber of subscribers) {
      if (subscriber === except || !subscriber.has("open")) continue;
      // It has come from another thread since, and has had it there.
      if (at <= subscriber.heardUntil) continue;
      const buffered = subscriber.bufferedBytes;
      // Told already: it closes as soon as its machine hears of it.
      if (buffered > maxBufferedBytes) continue;
      const isCongested =
        buffered > highWaterMarkBytes ||
        subscriber.lifecycle.name === "open.congested";
      if (isCongested && subscriber.subscriptions?.get(name) === "drop") {
        topic.dropped += frames.length;
        this.#drop(subscriber, name, frames.length);
        continue;
      }
      delivered++;
      subscriber.messagesOut += frames.length;
      if (subscriber.compressor === null) subscriber.writer.bytes(bytes);
      else {
        publication ??= new SharedPublication(run, this.#deflating);
        subscriber.compressor.deliver(publication);
      }
      if (buffered + bytes.length > maxBufferedBytes)
        subscriber.tell("buffer.exceeded");
    }
    if (delivered === 0) return;
    counters.add("messagesOut", delivered * frames.length);
    counters.add("bytesOut", delivered * payloadBytes(frames));
  }

  #drop(subscriber: Subscriber, topic: string, messages: number): void {
    this.#host.counters.add("messagesDropped", messages);
    subscriber.droppedMessages += messages;
    let missed = this.#missed.get(subscriber);
    if (missed === undefined) {
      missed = new Map();
      this.#missed.set(subscriber, missed);
      void subscriber.drained().then(() => this.#announce(subscriber));
    }
    missed.set(topic, (missed.get(topic) ?? 0) + messages);
  }

  /** It has caught up, or has ended. */
  #announce(subscriber: Subscriber): void {
    const missed = this.#missed.get(subscriber);
    this.#missed.delete(subscriber);
    if (missed === undefined || !subscriber.has("open")) return;
    subscriber.messagesDropped(
      [...missed].map(([topic, messages]) => ({ topic, messages })),
    );
  }
}

function payloadBytes(frames: readonly Buffer[]): number {
  return frames.reduce(
    (sum, frame) => sum + contentOf(frame).payload.length,
    0,
  );
}
