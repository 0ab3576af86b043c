import type { Config } from "../config.ts";
import type { DrainPlan } from "../protocol/messages.ts";
import type { Cluster } from "./cluster/cluster.ts";

/** What clients are told when they are asked to go. */
export class DrainPlanner {
  /** The close code, unless a drain plan has one of its own. */
  closeCode: number;
  /** For so long its clients are on their way to other instances, once it has drained. */
  returningForMs = 0;
  readonly #config: Config;
  readonly #cluster: Cluster;

  constructor(config: Config, cluster: Cluster) {
    this.#config = config;
    this.#cluster = cluster;
    this.closeCode = config.closeCode;
  }

  /**
   * The drain plan of one shard.
   *
   * @param deadline - By then everyone has ended; monotonic milliseconds.
   * @param shards - So many say drain plan at the same time, of which this is the `turn`th.
   * @param live - Connections of the whole server.
   */
  plan(
    deadline: number,
    shards: number,
    turn: number,
    live: number,
    closeCode = this.closeCode,
  ): DrainPlan {
    const { closeRate, retryMinMs, retrySpreadMs } = this.#config;
    const clusterSpreadMs = this.#cluster.spreadMs(live);
    if (clusterSpreadMs !== undefined)
      this.returningForMs = retryMinMs + clusterSpreadMs;
    return {
      deadline,
      closeCode,
      rate: closeRate,
      retryMinMs,
      retrySpreadMs:
        retrySpreadMs === "auto" ? (clusterSpreadMs ?? "auto") : retrySpreadMs,
      shards,
      turn,
    };
  }
}
