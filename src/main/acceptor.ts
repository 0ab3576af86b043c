import type { Config } from "../config.ts";
import type { SocketHandle } from "../protocol/socket-transfer.ts";
import { chooseShard } from "./balancer.ts";
import type { Fleet } from "./fleet.ts";

/** Over the limit of connections, so many more are refused properly; beyond, sockets are destroyed at once. */
const REFUSED_PROPERLY = 0.1;

/** Gives each accepted socket to a shard. */
export class Acceptor {
  readonly #config: Config;
  readonly #fleet: Fleet;
  #previous = -1;
  #accepted = 0;
  /** Sockets that no shard could take. */
  refused = 0;

  constructor(config: Config, fleet: Fleet) {
    this.#config = config;
    this.#fleet = fleet;
  }

  /** Numbers below this one belong to another process. */
  numberFrom(first: number): void {
    this.#accepted = first - 1;
  }

  /** The number of the next connection; unique in the process. */
  takeNumber(): number {
    return ++this.#accepted;
  }

  accept(socket: SocketHandle): void {
    const { maxConnections, balance } = this.#config;
    const { shards, besides } = this.#fleet;
    const candidates = shards.map(({ load, isAccepting, isBlocked }) => ({
      load,
      isAccepting,
      isBlocked,
    }));
    const total = [...candidates, ...besides].reduce(
      (sum, { load }) => sum + load,
      0,
    );
    const chosen = chooseShard(balance, candidates, this.#previous);
    const isFlood = total >= maxConnections * (1 + REFUSED_PROPERLY) + 1;
    if (chosen === undefined || isFlood) {
      this.refused++;
      void socket.close();
      return;
    }
    this.#previous = chosen;
    const isOverLimit = total >= maxConnections;
    shards[chosen]?.give(socket, this.takeNumber(), isOverLimit);
  }
}
