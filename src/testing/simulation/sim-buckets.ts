import type { Buckets, KV } from "../../main/cluster/nats-client.ts";
import type { SimBucket } from "./sim-bucket.ts";
import type { SimNatsConnection } from "./sim-nats-connection.ts";

/** What buckets ask of the servers that keep them. */
export interface BucketServers {
  bucket(name: string): SimBucket | undefined;
  openBucket(name: string, ttlMs: number): SimBucket;
}

/** JetStream's buckets, on one link. */
export class SimBuckets implements Buckets {
  readonly #nats: BucketServers;
  readonly #connection: SimNatsConnection;

  constructor(nats: BucketServers, connection: SimNatsConnection) {
    this.#nats = nats;
    this.#connection = connection;
  }

  async create(name: string, { ttl }: { ttl: number }): Promise<KV> {
    await this.#connection.request(() => this.#nats.openBucket(name, ttl));
    return this.#on(name);
  }

  async open(name: string): Promise<KV> {
    await this.#connection.request(() => this.#bucket(name));
    return this.#on(name);
  }

  #bucket(name: string): SimBucket {
    const bucket = this.#nats.bucket(name);
    // The servers have lost it.
    if (bucket === undefined) throw new Error("stream not found");
    return bucket;
  }

  #on(name: string): KV {
    const ask = <Value>(work: (bucket: SimBucket) => Value): Promise<Value> =>
      this.#connection.request(() => work(this.#bucket(name)));
    const kv = {
      get: (key: string) => ask((bucket) => bucket.get(key)),
      put: (key: string, value: string) =>
        ask((bucket) => bucket.put(key, value)),
      create: (key: string, value: string) =>
        ask((bucket) => bucket.create(key, value)),
      update: (key: string, value: string, revision: number) =>
        ask((bucket) => bucket.update(key, value, revision)),
      purge: (key: string) => ask((bucket) => bucket.purge(key)),
      keys: (filter: string) => ask((bucket) => each(bucket.keys(filter))),
    };
    return kv;
  }
}

async function* each<Value>(values: readonly Value[]): AsyncGenerator<Value> {
  yield* values;
}
