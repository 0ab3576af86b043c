import type { Bucket } from "./bucket.ts";
import type { InstanceEntry } from "./engine.ts";
import type { KvEntry } from "./nats-client.ts";
import { readInstance } from "./read-instances.ts";

const PREFIX = "instance.";

/** The instances of a cluster: each renews its own entry, those of dead ones expire. */
export class InstanceRegistry {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #onMalformed: (what: string) => void;

  /** @param onMalformed - Told of each entry that is none. */
  constructor(bucket: Bucket, id: string, onMalformed: (what: string) => void) {
    this.#bucket = bucket;
    this.#key = PREFIX + id;
    this.#onMalformed = onMalformed;
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
      // Whose entry is renewed while the keys are listed comes once more.
      const keys = new Set<string>();
      for await (const key of await bucket.keys(`${PREFIX}*`)) keys.add(key);
      const entries = await Promise.all(
        [...keys].toSorted().map((key) => bucket.get(key)),
      );
      return entries
        .map((entry) => this.#read(entry))
        .filter((instance) => instance !== undefined);
    });
  }

  #read(entry: KvEntry | null): InstanceEntry | undefined {
    if (entry?.operation !== "PUT") return undefined;
    const instance = readInstance(entry.value);
    // An entry speaks for the instance that its key names, and for no other.
    if (instance !== undefined && entry.key === PREFIX + instance.id)
      return instance;
    this.#onMalformed("an entry of the registry");
    return undefined;
  }
}
