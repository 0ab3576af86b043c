import type { Bucket } from "./bucket.ts";
import type { InstanceEntry } from "./engine.ts";

const PREFIX = "instance.";

/** The instances of a cluster: each renews its own entry, those of dead ones expire. */
export class InstanceRegistry {
  readonly #bucket: Bucket;
  readonly #key: string;

  constructor(bucket: Bucket, id: string) {
    this.#bucket = bucket;
    this.#key = PREFIX + id;
  }

  /** Writes this instance's entry, or renews it. */
  async renew(entry: InstanceEntry): Promise<void> {
    await this.#bucket.do((bucket) =>
      bucket.put(this.#key, JSON.stringify(entry)),
    );
  }

  async remove(): Promise<void> {
    await this.#bucket.do((bucket) => bucket.purge(this.#key));
  }

  /** Every entry that has not expired, in the order of their ids. */
  async list(): Promise<readonly InstanceEntry[]> {
    return await this.#bucket.do(async (bucket) => {
      const keys: string[] = [];
      for await (const key of await bucket.keys(`${PREFIX}*`)) keys.push(key);
      const entries = await Promise.all(
        keys.toSorted().map((key) => bucket.get(key)),
      );
      return entries
        .filter((entry) => entry?.operation === "PUT")
        .map((entry) => entry?.json<InstanceEntry>() as InstanceEntry);
    });
  }
}
