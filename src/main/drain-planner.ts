import type { Config } from "../config.ts";
import type { DrainPlan } from "../protocol/messages.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Ledger } from "./report.ts";

/** What a plan depends on. */
export interface DrainPlannerHost {
  readonly config: Config;
  readonly cluster: Cluster;
  /** How many live connections there are, in the whole server. */
  readonly ledger: Pick<Ledger, "live">;
  readonly topics: { flush(): void };
}

/** What clients are told when they are asked to go. */
export class DrainPlanner {
  /** The close code, unless a drain plan has one of its own. */
  closeCode: number;
  /** For so long its clients are on their way to other instances, once it has drained. */
  returningForMs = 0;
  readonly #host: DrainPlannerHost;

  constructor(host: DrainPlannerHost) {
    this.#host = host;
    this.closeCode = host.config.closeCode;
  }

  /**
   * The drain plan of one shard.
   *
   * @param deadline - By then everyone has ended; monotonic milliseconds.
   * @param shards - So many drain at the same time, of which this is the `turn`th.
   */
  plan(
    deadline: number,
    shards: number,
    turn: number,
    closeCode = this.closeCode,
  ): DrainPlan {
    const { config, cluster, ledger, topics } = this.#host;
    const { closeRate, retryMinMs, retrySpreadMs } = config;
    // What was published before the words of parting reaches those whom they send away.
    topics.flush();
    const clusterSpreadMs = cluster.spreadMs(ledger.live);
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
