import type { Config } from "../../config.ts";
import { networkOf, trustIn, unmapped } from "../../config/networks.ts";
import type { AdmissionShardMessage } from "../../protocol/messages.ts";
import type { Shard } from "../shards/shard.ts";

/** Over the limit, so many more are refused properly; beyond, sockets are destroyed at once. */
const REFUSED_PROPERLY = 0.1;
/** At least so many: who comes back at once finds its last answer still on the way. */
const FEWEST_REFUSED_PROPERLY = 8;

/** What becomes of a socket: `flood` is not counted, and not worth an answer. */
export type Admission = "admitted" | "over" | "flood";

type AddressLimitOptions = Pick<
  Config,
  "maxConnectionsPerAddress" | "ipv6PrefixBits" | "trustedProxies"
>;

/**
 * Counts connections by client over all shards, for the limit on them: from the
 * moment that they are accepted, since one that says nothing takes a place too.
 * The peers of proxies that are trusted are counted when their request has been
 * read. What a dead shard had admitted is forgotten as a whole.
 */
export class AddressLimits {
  readonly #limit: number;
  readonly #flood: number;
  readonly #prefixBits: number;
  readonly #isProxy: (address: string) => boolean;
  readonly #byShard = new Map<number, Map<string, number>>();
  readonly #total = new Map<string, number>();

  constructor({
    maxConnectionsPerAddress: limit,
    ipv6PrefixBits,
    trustedProxies,
  }: AddressLimitOptions) {
    this.#limit = limit;
    const refused = Math.ceil(limit * REFUSED_PROPERLY);
    this.#flood = limit + Math.max(FEWEST_REFUSED_PROPERLY, refused);
    this.#prefixBits = ipv6PrefixBits;
    this.#isProxy = trustIn(trustedProxies);
  }

  /**
   * The client that a socket's peer is, in the spelling that handlers see.
   *
   * @returns `undefined` when there is nothing to count, or not yet: the limit
   *   is off, or a proxy speaks for somebody.
   */
  clientOf(peer: () => string | undefined): string | undefined {
    if (this.#limit === 0) return undefined;
    const address = peer();
    if (address === undefined || this.#isProxy(address)) return undefined;
    return unmapped(address) ?? address;
  }

  /** A socket has come: it is counted, unless there are far too many. */
  arrive(shard: number, address: string): Admission {
    const has = this.#total.get(this.#clientAt(address)) ?? 0;
    if (has >= this.#flood) return "flood";
    this.#count(shard, address);
    return has >= this.#limit ? "over" : "admitted";
  }

  /** Takes what a shard asks and says of its connections. */
  take(
    shard: Pick<Shard, "index" | "post">,
    message: AdmissionShardMessage,
  ): void {
    switch (message.type) {
      case "admit":
        return shard.post({
          type: "admission",
          id: message.id,
          isAdmitted: this.admit(shard.index, message.address),
        });
      case "released":
        return this.release(shard.index, message.address);
    }
  }

  /** Whether the address may have one more; if so, it is counted. */
  admit(shard: number, address: string): boolean {
    const has = this.#total.get(this.#clientAt(address)) ?? 0;
    if (has >= this.#limit) return false;
    this.#count(shard, address);
    return true;
  }

  #clientAt(address: string): string {
    return networkOf(address, this.#prefixBits);
  }

  #count(shard: number, from: string): void {
    const address = this.#clientAt(from);
    this.#total.set(address, (this.#total.get(address) ?? 0) + 1);
    const counts = this.#byShard.get(shard) ?? new Map<string, number>();
    this.#byShard.set(shard, counts);
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }

  /** A connection that was counted on one shard is counted on another; `undefined` is another process. */
  transfer(
    address: string,
    from: number | undefined,
    to: number | undefined,
  ): void {
    if (from !== undefined) this.release(from, address);
    if (to !== undefined) this.#count(to, address);
  }

  release(shard: number, from: string): void {
    const address = this.#clientAt(from);
    const counts = this.#byShard.get(shard);
    // What a forgotten shard had admitted is taken back already.
    if (counts?.has(address) !== true) return;
    subtract(counts, address, 1);
    subtract(this.#total, address, 1);
  }

  /** The shard is gone, and all that it had admitted. */
  forget(shard: number): void {
    for (const [address, count] of this.#byShard.get(shard) ?? [])
      subtract(this.#total, address, count);
    this.#byShard.delete(shard);
  }
}

function subtract(
  counts: Map<string, number>,
  address: string,
  amount: number,
): void {
  const left = (counts.get(address) ?? 0) - amount;
  if (left > 0) counts.set(address, left);
  else counts.delete(address);
}
