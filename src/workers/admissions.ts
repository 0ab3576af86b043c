import type { ShardMessage } from "../protocol/messages.ts";
import type { LiveConnection } from "./connection.ts";

/**
 * Asks main whether an address may have one more connection: only main knows
 * how many it has on the other shards. Used when that limit is on.
 */
export class Admissions {
  readonly #post: (message: ShardMessage) => void;
  readonly #asked = new Map<number, (isAdmitted: boolean) => void>();
  readonly #admitted = new Map<number, string>();

  constructor(post: (message: ShardMessage) => void) {
    this.#post = post;
  }

  ask(
    connection: LiveConnection,
    answered: (isAdmitted: boolean) => void,
  ): void {
    const { number, remoteAddress } = connection;
    this.#asked.set(number, (isAdmitted) => {
      if (isAdmitted) this.#admitted.set(number, remoteAddress);
      // Ended while main was asked: the place is given back at once.
      if (connection.lifecycle.isFinal) this.release(connection);
      else answered(isAdmitted);
    });
    this.#post({ type: "admit", id: number, address: remoteAddress });
  }

  answer(id: number, isAdmitted: boolean): void {
    const answered = this.#asked.get(id);
    this.#asked.delete(id);
    answered?.(isAdmitted);
  }

  has(connection: LiveConnection): boolean {
    return this.#admitted.has(connection.number);
  }

  /** The connection has come from another shard, where it was admitted; main counts it here already. */
  takeOver({ number, remoteAddress }: LiveConnection): void {
    this.#admitted.set(number, remoteAddress);
  }

  /** It counts for another shard from now on. */
  surrender({ number }: LiveConnection): void {
    this.#admitted.delete(number);
  }

  /** The connection has ended. */
  release(connection: LiveConnection): void {
    const address = this.#admitted.get(connection.number);
    if (address === undefined) return;
    this.#admitted.delete(connection.number);
    this.#post({ type: "released", address });
  }
}
