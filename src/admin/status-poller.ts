import type { Happening, Status } from "./api.ts";
import type { Call } from "./call.ts";
import { History } from "./history.ts";
import type { Stream, Streams } from "./streams.ts";
import type { InspectedServer, InspectedShard } from "./inspected-server.ts";

const TICK_MS = 500;
const TICKS_A_SAMPLE = 2;
/** While nobody looks, so that there is a history for who does. */
const IDLE_TICK_MS = 5_000;
/** A scraper looks too, about so often. */
const SCRAPER_LOOKS_MS = 90_000;

/**
 * Looks at the server for those who watch: twice a second while a page or a
 * command follows it, and every few seconds while nobody does.
 */
export class StatusPoller {
  readonly history = new History();
  readonly #server: Pick<InspectedServer, "shards">;
  readonly #streams: Streams;
  readonly #read: () => Status;
  readonly #happened: () => readonly Happening[];
  readonly #tellShard: (shard: InspectedShard, isWatched: boolean) => void;
  readonly #watching = new Set<Stream>();
  /** Incarnation of each shard that has been told that it is watched. */
  readonly #told = new Map<InspectedShard, number>();
  #timer: NodeJS.Timeout | undefined;
  #scraped: NodeJS.Timeout | undefined;
  #ticks = 0;
  /** Of the history that nobody looks at yet. */
  #idle: NodeJS.Timeout | undefined;

  constructor(options: {
    server: Pick<InspectedServer, "shards">;
    streams: Streams;
    read: () => Status;
    /** What has happened before one looks. */
    happened: () => readonly Happening[];
    /** Has a shard keep its costlier gauges, or not any more. */
    tellShard: (shard: InspectedShard, isWatched: boolean) => void;
  }) {
    this.#server = options.server;
    this.#streams = options.streams;
    this.#read = options.read;
    this.#happened = options.happened;
    this.#tellShard = options.tellShard;
  }

  /** Keeps a history from now on. */
  start(): void {
    this.history.add(this.#read());
    this.#idle = setInterval(() => {
      if (this.#timer === undefined) this.history.add(this.#read());
    }, IDLE_TICK_MS);
    this.#idle.unref();
  }

  /** Follows the server on a stream: what has happened and happens, `status` twice a second, `sample` once. */
  watch(call: Call): void {
    const stream = this.#streams.open(call, () => {
      this.#watching.delete(stream);
      if (this.#watching.size === 0) this.#rest();
    });
    this.#watching.add(stream);
    for (const happening of this.#happened())
      stream.send("happening", JSON.stringify(happening), true);
    stream.send("status", JSON.stringify(this.#read()));
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tellShards();
  }

  /** The metrics are being read: gauges are kept for as long as a scraper waits to come again. */
  scraped(): void {
    clearTimeout(this.#scraped);
    this.#scraped = setTimeout(() => {
      this.#scraped = undefined;
      if (this.#watching.size === 0) this.#rest();
    }, SCRAPER_LOOKS_MS);
    this.#scraped.unref();
    this.#tellShards();
  }

  /** Something has happened that whoever watches is told. */
  tell(happening: Happening): void {
    const text = JSON.stringify(happening);
    for (const stream of this.#watching) stream.send("happening", text);
  }

  /** Something has changed that nobody should wait for. */
  hurry(): void {
    if (this.#watching.size > 0) this.#publish(this.#read());
  }

  /** The last word: the server has ended. */
  end(status: Status): void {
    clearTimeout(this.#scraped);
    clearInterval(this.#idle);
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const stream of this.#watching)
      stream.send("status", JSON.stringify(status), true);
  }

  #tick(): void {
    this.#tellShards();
    const status = this.#read();
    this.#publish(status);
    if (++this.#ticks % TICKS_A_SAMPLE !== 0) return;
    const sample = this.history.add(status);
    if (sample === undefined) return;
    const text = JSON.stringify(sample);
    for (const stream of this.#watching) stream.send("sample", text);
  }

  #publish(status: Status): void {
    const text = JSON.stringify(status);
    for (const stream of this.#watching) stream.send("status", text);
  }

  /** Tells shards that they are watched, also those that were started again. */
  #tellShards(): void {
    for (const shard of this.#server.shards) {
      const incarnation = shard.counters.get("restarts");
      const isServing = shard.state.startsWith("serving");
      if (!isServing || this.#told.get(shard) === incarnation) continue;
      this.#told.set(shard, incarnation);
      this.#tellShard(shard, true);
    }
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#scraped !== undefined) return;
    for (const shard of this.#told.keys()) this.#tellShard(shard, false);
    this.#told.clear();
  }
}
