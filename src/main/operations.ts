import { channel } from "node:diagnostics_channel";
import type { Config } from "../config.ts";
import { requireArgument, SHARD } from "../config/arguments.ts";
import { SluiceError } from "../errors.ts";
import { channels } from "../protocol/channels.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type {
  DrainPlan,
  ShardMessage,
  TlsMaterial,
} from "../protocol/messages.ts";
import { type Drain, Drains, type DrainTarget, narrowTarget } from "./drain.ts";
import type { Fleet } from "./shards/fleet.ts";
import { type Handover, SERVICE_RESTART } from "./handover/handover.ts";
import type { MoveReport } from "./handover/relay.ts";
import {
  reload,
  type ReloadHost,
  type ReloadReport,
} from "./handover/reload.ts";
import type { ServerState } from "./server-types.ts";
import type { Shard } from "./shards/shard.ts";
import { readTlsMaterial } from "./tls-material.ts";
import {
  ProcessUpgrade,
  type UpgradeHost,
  type UpgradeReport,
} from "./handover/process-upgrade.ts";

/** What operations need of the server. */
export interface OperationsHost extends ReloadHost, UpgradeHost {
  readonly config: Config;
  readonly fleet: Fleet;
  readonly moveBlocker: string | undefined;
  readonly state: ServerState;
  /** It listens, whether or not it wants new connections at the moment. */
  readonly isServing: boolean;
  tls: TlsMaterial | undefined;
  plan(
    deadline: number,
    shards: number,
    turn: number,
    closeCode?: number,
  ): DrainPlan;
  /** Shards take connections that did not, or the other way round. */
  updateListener(): void;
  /** Another process serves now: this one ends, and tells its clients to come back. */
  leave(closeCode: number): void;
}

/** What can be asked of a server that goes on: drains, restarts, reloads, upgrades. */
export class Operations {
  readonly drains = new Drains();
  readonly #host: OperationsHost;
  readonly #handover: Handover;
  /** What exchanges all shards, or the process, at the moment. */
  #exchange: string | undefined;
  #succession: ProcessUpgrade | undefined;

  constructor(host: OperationsHost, handover: Handover) {
    this.#host = host;
    this.#handover = handover;
  }

  /** The process that takes over, or has taken over. */
  get succession(): ProcessUpgrade | undefined {
    return this.#succession;
  }

  drain(target: DrainTarget | undefined): Drain {
    const { shard, move, deadlineMs, ...filter } = narrowTarget(target);
    const { fleet, config } = this.#host;
    this.#requireListening("drain()");
    const withinMs = deadlineMs ?? config.shutdownDeadlineMs;
    const isWhole =
      filter.pathPrefix === undefined && filter.olderThanMs === undefined;
    if (move === true) {
      this.#requireStability("drain()");
      if (shard === undefined)
        throw new SluiceError(
          "ERR_SLUICE_STATE",
          "drain(): move takes a shard, whose connections go to the others",
        );
      if (!isWhole)
        throw new SluiceError(
          "ERR_SLUICE_STATE",
          "drain(): move takes all connections of a shard; got pathPrefix or olderThanMs",
        );
      return this.#handover.evacuate(this.#shardAt(shard), withinMs);
    }
    const aimed = shard === undefined ? fleet.all : [this.#shardAt(shard)];
    const serving = aimed.filter(({ state }) => state.startsWith("serving"));
    if (isWhole)
      for (const each of aimed) each.tell({ type: "shard.suspended" });
    this.#host.updateListener();
    const deadline = monotonicNow() + withinMs;
    return this.drains.start(
      serving,
      filter,
      (turn) => this.#host.plan(deadline, serving.length, turn),
      () => {
        if (isWhole) this.#resume(aimed);
      },
    );
  }

  resume(given?: number): void {
    // Those too that a reload has started: a drain of everything was aimed at them as well.
    const { all } = this.#host.fleet;
    const shard = given === undefined ? undefined : toIndex(given, "resume()");
    this.#resume(shard === undefined ? all : [this.#shardAt(shard)]);
  }

  /** The server has ended: nobody waits for a drain any more. */
  stop(): void {
    this.drains.stop();
  }

  #resume(shards: readonly Shard[]): void {
    for (const shard of shards) shard.tell({ type: "shard.resumed" });
    this.#host.updateListener();
  }

  async restartShard(given: number): Promise<void> {
    const index = toIndex(given, "restartShard()");
    this.#requireStability("restartShard()");
    const deadline = monotonicNow() + this.#host.config.shutdownDeadlineMs;
    await this.#shardAt(index).restart(this.#host.plan(deadline, 1, 0));
  }

  async rebalance(): Promise<MoveReport> {
    this.#requireStability("rebalance()");
    return await this.#handover.rebalance(this.#host.config.shutdownDeadlineMs);
  }

  reload(): Promise<ReloadReport> {
    return this.#exchanging("reload()", "a reload", () =>
      reload(this.#host, this.#handover),
    );
  }

  upgrade(): Promise<UpgradeReport> {
    return this.#exchanging("upgrade()", "an upgrade", async () => {
      const succession = new ProcessUpgrade(this.#host, this.#handover);
      this.#succession = succession;
      try {
        const report = await succession.run();
        this.#host.leave(SERVICE_RESTART);
        return report;
      } finally {
        if (!succession.isCommitted) this.#succession = undefined;
      }
    });
  }

  async reloadTls(): Promise<void> {
    const host = this.#host;
    try {
      host.tls = await readTlsMaterial(host.config);
      if (host.tls === undefined) return;
      for (const shard of host.fleet.all)
        shard.post({ type: "tls", tls: host.tls });
      channel(channels.tls).publish({ event: "reloaded" });
    } catch (error) {
      channel(channels.tls).publish({ event: "reload-failed", error });
      throw error;
    }
  }

  /** A shard has taken the certificate, or could not. */
  tlsReloaded({
    error,
  }: Extract<ShardMessage, { type: "tls-reloaded" }>): void {
    if (error !== undefined)
      channel(channels.tls).publish({ event: "reload-failed", error });
  }

  async #exchanging<Report>(
    method: string,
    name: string,
    exchange: () => Promise<Report>,
  ): Promise<Report> {
    this.#requireStability(method);
    this.#exchange = name;
    try {
      return await exchange();
    } finally {
      this.#exchange = undefined;
    }
  }

  #shardAt(index: number): Shard {
    const { shards } = this.#host.fleet;
    const shard = shards.find((each) => each.index === index);
    if (shard === undefined)
      throw new SluiceError(
        "ERR_SLUICE_STATE",
        `there is no shard ${index}; there are ${shards.map((each) => each.index).join(", ")}`,
      );
    return shard;
  }

  #requireStability(method: string): void {
    this.#requireListening(method);
    if (this.#exchange === undefined) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: ${this.#exchange} is under way`,
    );
  }

  #requireListening(method: string): void {
    if (this.#host.isServing) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: the server is ${this.#host.state}, it has to be listening`,
    );
  }
}

/** @throws SluiceError `ERR_SLUICE_OPTION` for what is no index of a shard. */
function toIndex(given: unknown, caller: string): number {
  return requireArgument(SHARD, given, `${caller}: shard`) as number;
}
