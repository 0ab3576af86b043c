import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";
import type { KV, NatsClient, NatsConnection } from "./nats-client.ts";

/** Entries that are not renewed for so many heartbeats expire. */
const HEARTBEATS_TO_LIVE = 3;

/** The key-value bucket of a cluster, on whatever connection there is. */
export class Bucket {
  readonly #bucketsOn: NatsClient["bucketsOn"];
  readonly #name: string;
  readonly #ttlMs: number;
  #connection: NatsConnection | undefined;
  #opening: Promise<KV> | undefined;

  constructor(
    bucketsOn: NatsClient["bucketsOn"],
    cluster: string,
    heartbeatMs: number,
  ) {
    this.#bucketsOn = bucketsOn;
    this.#name = `sluice-${cluster}`;
    this.#ttlMs = heartbeatMs * HEARTBEATS_TO_LIVE;
  }

  /** From now on on this connection; undefined while there is none. */
  use(connection: NatsConnection | undefined): void {
    this.#connection = connection;
    this.#opening = undefined;
  }

  /**
   * Does something with the bucket, which is made where it does not exist.
   *
   * @throws SluiceError `ERR_SLUICE_CLUSTER` when the servers are away, or have
   *   no JetStream; the caller's own conflicts pass as they are
   */
  async do<Result>(work: (bucket: KV) => Promise<Result>): Promise<Result> {
    const connection = this.#connection;
    if (connection === undefined)
      throw new SluiceError(
        "ERR_SLUICE_CLUSTER",
        "the registry cannot be reached: there is no link to NATS",
      );
    this.#opening ??= this.#open(connection);
    const opening = this.#opening;
    try {
      return await work(await opening);
    } catch (cause) {
      if (isConflict(cause)) throw cause;
      // The servers may have lost it: the next one to come makes it anew.
      if (this.#opening === opening) this.#opening = undefined;
      throw new SluiceError(
        "ERR_SLUICE_CLUSTER",
        `the registry cannot be used: ${sayForeign(cause)}; it needs NATS with JetStream (nats-server -js)`,
        { cause },
      );
    }
  }

  async #open(connection: NatsConnection): Promise<KV> {
    const buckets = this.#bucketsOn(connection);
    try {
      return await buckets.create(this.#name, {
        ttl: this.#ttlMs,
        history: 1,
        storage: "memory" as never,
      });
    } catch {
      // It exists with settings of its own, such as more replicas.
      return await buckets.open(this.#name);
    }
  }
}

/** Somebody else was first: the sequence that was expected is not the last one. */
export function isConflict(error: unknown): boolean {
  const WRONG_LAST_SEQUENCE = 10_071;
  return (
    error instanceof Error &&
    "code" in error &&
    error.code === WRONG_LAST_SEQUENCE
  );
}
