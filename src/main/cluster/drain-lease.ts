import { setTimeout as wait } from "node:timers/promises";
import { monotonicNow } from "../../protocol/clock.ts";
import { type Bucket, isConflict } from "./bucket.ts";
import type { KvEntry } from "./nats-client.ts";
import { type Holding, readHolding } from "./read-instances.ts";

const LOOK_AGAIN_MS = 200;

/**
 * Leave to drain: a key for each instance that may at the same time. Keys
 * expire unless they are renewed, so the lease of an instance that died
 * frees itself.
 */
export class DrainLease {
  readonly #bucket: Bucket;
  readonly #places: number;
  readonly #id: string;
  readonly #onMalformed: (what: string) => void;
  /**
   * Until when the clients of one that has drained are on their way, by place.
   * Kept here, since the key may expire before. It is this machine's clock,
   * from when the holding was seen: no two clocks need agree.
   */
  readonly #returning = new Map<string, { revision: number; until: number }>();
  #held: { key: string; revision: number } | undefined;

  /** @param onMalformed - Told of each holding that is none. */
  constructor(
    bucket: Bucket,
    places: number,
    id: string,
    onMalformed: (what: string) => void,
  ) {
    this.#bucket = bucket;
    this.#places = places;
    this.#id = id;
    this.#onMalformed = onMalformed;
  }

  /**
   * Waits for a place.
   *
   * @returns false when `signal` fired first, or when nobody can be asked
   */
  async acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        for (let place = 0; place < this.#places; place++)
          if (await this.#try(`drain.${place}`)) return true;
      } catch {
        return false;
      }
      // The clock of the wait is the signal's; what it rejects with is not news.
      await wait(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** Keeps the lease from expiring. */
  async renew(): Promise<void> {
    if (this.#held !== undefined) await this.#write({ holder: this.#id });
  }

  /** @param returningForMs - How long the others should still be there for this one's clients. */
  async release(returningForMs: number): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    if (returningForMs > 0)
      await this.#write({ holder: this.#id, returningForMs });
    else await this.#bucket.do((bucket) => bucket.purge(held.key));
    this.#held = undefined;
  }

  async #try(key: string): Promise<boolean> {
    return await this.#bucket.do(async (bucket) => {
      const entry = await bucket.get(key);
      const mine = JSON.stringify({ holder: this.#id } satisfies Holding);
      try {
        if (this.#isReturning(key, entry)) return false;
        if (entry?.operation !== "PUT") {
          const revision = await bucket.create(key, mine);
          this.#held = { key, revision };
          return true;
        }
        if (this.#read(entry)?.returningForMs === undefined) return false;
        const revision = await bucket.update(key, mine, entry.revision);
        this.#held = { key, revision };
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    });
  }

  /** Whether clients of the last one to drain in this place are still on their way. */
  #isReturning(key: string, entry: KvEntry | null): boolean {
    const known = this.#returning.get(key);
    const isNew =
      entry?.operation === "PUT" && entry.revision !== known?.revision;
    if (!isNew) return known !== undefined && monotonicNow() < known.until;
    const { revision } = entry;
    const returningForMs = this.#read(entry)?.returningForMs;
    if (returningForMs === undefined) return false;
    this.#returning.set(key, {
      revision,
      until: monotonicNow() + returningForMs,
    });
    return true;
  }

  /** A place whose holder cannot be read is held all the same, until its key expires. */
  #read(entry: KvEntry): Holding | undefined {
    const holding = readHolding(entry.value);
    if (holding === undefined) this.#onMalformed("the holder of a turn");
    return holding;
  }

  async #write(holding: Holding): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    try {
      held.revision = await this.#bucket.do((bucket) =>
        bucket.update(held.key, JSON.stringify(holding), held.revision),
      );
    } catch (error) {
      // It expired, and another has it: this one drains all the same.
      if (!isConflict(error)) throw error;
      this.#held = undefined;
    }
  }
}
