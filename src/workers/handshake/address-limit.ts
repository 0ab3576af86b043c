import type { ShardMessage } from "../../protocol/messages.ts";

/** A connection, as far as it is counted. */
export interface Counted {
  readonly number: number;
  remoteAddress: string;
  readonly lifecycle: { readonly isFinal: boolean };
}

/**
 * Knows which connections count against the limit by address, when that is on.
 * Most were counted by main as they were accepted. Of those that come through a
 * trusted proxy, whose address is only known from their request, main is asked
 * then: only it knows how many there are on the other shards.
 */
export class AddressLimit {
  readonly #post: (message: ShardMessage) => void;
  readonly #asked = new Map<number, (isAdmitted: boolean) => void>();
  readonly #admitted = new Map<number, string>();

  constructor(post: (message: ShardMessage) => void) {
    this.#post = post;
  }

  /** Main has counted the connection as it accepted it: its peer is the client. */
  count(connection: Counted, address: string): void {
    connection.remoteAddress = address;
    this.#admitted.set(connection.number, address);
  }

  ask(connection: Counted, answered: (isAdmitted: boolean) => void): void {
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

  has(connection: Counted): boolean {
    return this.#admitted.has(connection.number);
  }

  /** The connection has come from another shard, where it was admitted; main counts it here already. */
  takeOver({ number, remoteAddress }: Counted): void {
    this.#admitted.set(number, remoteAddress);
  }

  /** It counts for another shard from now on. */
  surrender({ number }: Counted): void {
    this.#admitted.delete(number);
  }

  /** The connection has ended. */
  release(connection: Counted): void {
    const address = this.#admitted.get(connection.number);
    if (address === undefined) return;
    this.#admitted.delete(connection.number);
    this.#post({ type: "released", address });
  }
}
