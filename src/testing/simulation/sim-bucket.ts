import type { KvEntry } from "../../main/cluster/nats-client.ts";

/** JetStream: the sequence that was expected is not the last one. */
const WRONG_LAST_SEQUENCE = 10_071;

interface Kept {
  readonly value: Buffer;
  readonly revision: number;
  readonly at: number;
  readonly operation: "PUT" | "PURGE";
}

/** A key-value bucket of JetStream: entries expire, and are written by revision. */
export class SimBucket {
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Kept>();
  #revision = 0;

  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  get(key: string): KvEntry | null {
    const kept = this.#find(key);
    if (kept === undefined) return null;
    const { value, revision, operation } = kept;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what of the client's interface is used
    return { key, value, revision, operation } as unknown as KvEntry;
  }

  put(key: string, value: string): number {
    return this.#write(key, value, "PUT");
  }

  /** @throws Error of JetStream where somebody has it */
  create(key: string, value: string): number {
    if (this.#find(key)?.operation === "PUT") throw conflict();
    return this.#write(key, value, "PUT");
  }

  /** @throws Error of JetStream where somebody has written since, or it has expired */
  update(key: string, value: string, revision: number): number {
    if ((this.#find(key)?.revision ?? 0) !== revision) throw conflict();
    return this.#write(key, value, "PUT");
  }

  purge(key: string): void {
    this.#write(key, "", "PURGE");
  }

  /** Those that begin with what stands before the star. */
  keys(filter: string): string[] {
    const prefix = filter.replace(/\*$/, "");
    return [...this.#entries.keys()].filter(
      (key) => key.startsWith(prefix) && this.#find(key)?.operation === "PUT",
    );
  }

  #write(key: string, value: string, operation: Kept["operation"]): number {
    const revision = ++this.#revision;
    const at = this.#now();
    this.#entries.set(key, {
      value: Buffer.from(value),
      revision,
      at,
      operation,
    });
    return revision;
  }

  #find(key: string): Kept | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    if (this.#now() - kept.at < this.#ttlMs) return kept;
    this.#entries.delete(key);
    return undefined;
  }
}

function conflict(): Error {
  return Object.assign(new Error("wrong last sequence"), {
    code: WRONG_LAST_SEQUENCE,
  });
}
