import { ShardCounters } from "../../protocol/shard-counters.ts";
import type { Milestone } from "./milestone.ts";
import type { Shard } from "./shard.ts";

/**
 * The shards of a server, through all reloads: those that serve, those that give
 * their connections away to end, and the counts of those that have ended.
 */
export class Fleet {
  /** Those that take new connections. The array stays the same; what is in it changes. */
  readonly shards: Shard[] = [];
  /** New ones on trial that take none yet, and old ones on their way out. */
  readonly standby: Shard[] = [];
  /** Of shards that have ended for good, by index: a later one with the same index counts on from there. */
  readonly past = new Map<number, ShardCounters>();
  /** So many may have a thread at the same time: during a reload, two for each place. */
  readonly capacity: number;
  #pastCrashes = 0;
  #pastKills = 0;
  /** Of those that have ended, whose threads have not. */
  readonly #stuck: Shard[] = [];

  constructor(workers: number) {
    this.capacity = workers * 2;
  }

  /**
   * The lowest index that no shard has. All that shards share is laid out for so
   * many as there may be.
   *
   * @throws Error when there is none: shards that were to end have not.
   */
  freeIndex(): number {
    for (let index = 0; index < this.capacity; index++)
      if (this.withIndex(index) === undefined) return index;
    throw new Error(`all ${this.capacity} places for shards are taken`);
  }

  withIndex(index: number): Shard | undefined {
    return this.all.find((shard) => shard.index === index);
  }

  /** All that have, or may have, a thread. */
  get all(): readonly Shard[] {
    return [...this.shards, ...this.standby];
  }

  /** Counters of all that there were. */
  get counters(): readonly ShardCounters[] {
    return [...this.all.map(({ counters }) => counters), ...this.past.values()];
  }

  /** Threads that died, since the start. */
  get crashes(): number {
    return (
      this.all.reduce((sum, { crashes }) => sum + crashes, 0) +
      this.#pastCrashes
    );
  }

  /** Threads that had to be ended, since the start. */
  get kills(): number {
    return (
      this.all.reduce((sum, { kills }) => sum + kills, 0) + this.#pastKills
    );
  }

  /** Threads that could not be ended, and are still there. */
  get stuck(): number {
    return [...this.all, ...this.#stuck].reduce(
      (sum, { stuck }) => sum + stuck,
      0,
    );
  }

  /** Resolves once every shard has told its connections to go, or has none. */
  notified(): Promise<void> {
    return this.#haveReached(({ notified }) => notified);
  }

  /** Resolves once no shard has a thread. */
  terminated(): Promise<void> {
    return this.#haveReached(({ terminated }) => terminated);
  }

  async #haveReached(milestoneOf: (shard: Shard) => Milestone): Promise<void> {
    for (;;) {
      const milestones = this.all.map(milestoneOf);
      const ahead = milestones.filter(({ isReached }) => !isReached);
      if (ahead.length === 0) return;
      // Meanwhile others may come, or begin again.
      await Promise.all(ahead.map(({ reached }) => reached));
    }
  }

  /** The new ones take the place of those that serve, who go besides. */
  swap(entering: readonly Shard[]): void {
    const leaving = this.shards.splice(0, this.shards.length, ...entering);
    const stay = this.standby.filter((shard) => !entering.includes(shard));
    this.standby.splice(0, this.standby.length, ...stay, ...leaving);
  }

  /**
   * A shard has ended for good; only its counts stay.
   *
   * @param hasServed - Otherwise the fate of its thread was a failed trial's, and
   *   not the server's.
   */
  archive(shard: Shard, hasServed: boolean): void {
    const at = this.standby.indexOf(shard);
    if (at === -1) return;
    this.standby.splice(at, 1);
    const archived = this.past.get(shard.index) ?? new ShardCounters();
    this.past.set(shard.index, archived);
    archived.absorb(shard.counters);
    if (shard.stuck > 0) this.#stuck.push(shard);
    if (!hasServed) return;
    this.#pastCrashes += shard.crashes;
    this.#pastKills += shard.kills;
  }
}
