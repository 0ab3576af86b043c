import type { Config } from "../config.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { ServerState } from "./server-types.ts";
import type { Fleet } from "./shards/fleet.ts";

/** What readiness is made of. */
export interface ReadinessHost {
  readonly config: Config;
  readonly fleet: Fleet;
  readonly cluster: Cluster;
  readonly ingress: { readonly isFailing: boolean };
  readonly lifecycle: {
    readonly isServing: boolean;
    readonly state: ServerState;
  };
}

/** Whether new connections are wanted, and what the shards answer to those who ask. */
export class Readiness {
  readonly #host: ReadinessHost;

  constructor(host: ReadinessHost) {
    this.#host = host;
  }

  get isReady(): boolean {
    const { lifecycle, ingress, cluster } = this.#host;
    if (!lifecycle.isServing || ingress.isFailing) return false;
    return cluster.allowsReady && this.#hasShardsEnough;
  }

  /** What a thread answers that starts now: nobody can ask before the server listens. */
  get atStart(): boolean {
    return this.isReady || this.#host.lifecycle.state === "starting";
  }

  get #hasShardsEnough(): boolean {
    const { fleet, config } = this.#host;
    const serving = fleet.shards.filter(({ state }) =>
      state.startsWith("serving"),
    );
    return serving.length >= config.minReadyShards;
  }

  /** What every shard answers from now on. */
  announce(isReady: boolean): void {
    for (const shard of this.#host.fleet.all)
      shard.post({ type: "readiness", isReady });
  }

  /** The link to the other instances, the listener, and how many shards serve, may say otherwise than the machine. */
  update(): void {
    if (this.#host.lifecycle.isServing) this.announce(this.isReady);
  }
}
