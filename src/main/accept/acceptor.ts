import { aside } from "../aside.ts";
import type { Config } from "../../config.ts";
import { peerOf, type SocketHandle } from "../../protocol/socket-handle.ts";
import type { AddressLimits } from "./address-limits.ts";
import { chooseShard } from "./balancer.ts";
import type { Descriptors } from "../descriptors.ts";
import type { Fleet } from "../shards/fleet.ts";

/** Over the limit of connections, so many more are refused properly; beyond, sockets are destroyed at once. */
const REFUSED_PROPERLY = 0.1;

/** Gives each accepted socket to a shard. */
export class Acceptor {
  readonly #config: Config;
  readonly #fleet: Fleet;
  readonly #limits: AddressLimits;
  readonly #descriptors: Descriptors;
  #previous = -1;
  #accepted = 0;
  /** Sockets that no shard could take. */
  refused = 0;

  constructor(
    config: Config,
    fleet: Fleet,
    limits: AddressLimits,
    descriptors: Descriptors,
  ) {
    this.#config = config;
    this.#fleet = fleet;
    this.#limits = limits;
    this.#descriptors = descriptors;
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
    const supply = this.#descriptors.take();
    if (supply === "spent") return this.#destroy(socket);
    const { maxConnections, balance } = this.#config;
    const { shards, standby } = this.#fleet;
    const candidates = shards.map(({ load, isAccepting, isBlocked }) => ({
      load,
      isAccepting,
      isBlocked,
    }));
    const total = [...candidates, ...standby].reduce(
      (sum, { load }) => sum + load,
      0,
    );
    const chosen = chooseShard(balance, candidates, this.#previous);
    const shard = chosen === undefined ? undefined : shards[chosen];
    const isFlood = total >= maxConnections * (1 + REFUSED_PROPERLY) + 1;
    if (chosen === undefined || shard === undefined || isFlood)
      return this.#destroy(socket);
    const address = this.#limits.clientOf(() => peerOf(socket)?.address);
    const standing =
      address === undefined
        ? "admitted"
        : this.#limits.arrive(shard.index, address);
    if (standing === "flood") return this.#destroy(socket);
    this.#previous = chosen;
    shard.give({
      handle: socket,
      id: this.takeNumber(),
      refusal:
        total >= maxConnections || supply === "scarce"
          ? "too-many-connections"
          : standing === "over"
            ? "too-many-from-address"
            : undefined,
      address,
    });
  }

  #destroy(socket: SocketHandle): void {
    this.refused++;
    aside(socket.close(), "closing a socket");
  }
}
