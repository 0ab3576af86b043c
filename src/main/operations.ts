import { channel } from "node:diagnostics_channel";
import type { Config } from "../config.ts";
import { requireArgument, SHARD } from "../config/arguments.ts";
import { SluiceError } from "../errors.ts";
import { channels } from "../protocol/channels.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type { ShardMessage, TlsMaterial } from "../protocol/messages.ts";
import { type Drain, Drains, type DrainTarget, narrowTarget } from "./drain.ts";
import type { Fleet } from "./shards/fleet.ts";
import type { Handover } from "./handover/handover.ts";
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
import { CLOSE_CODE } from "../rfc6455.ts";

/** What operations need of the server. */
export interface OperationsHost extends ReloadHost, UpgradeHost {
  readonly config: Config;
  readonly fleet: Fleet;
  readonly moveBlocker: string | undefined;
  readonly planner: UpgradeHost["planner"] & {
    /** Of those who are told to go, from now on. */
    closeCode: number;
  };
  readonly lifecycle: {
    readonly state: ServerState;
    /** It listens, whether or not it wants new connections at the moment. */
    readonly isServing: boolean;
    /** Another process serves now: this one ends. */
    leave(): void;
  };
  readonly environment: { tls: TlsMaterial | undefined };
  readonly handover: Handover;
}

/** What can be asked of a server that goes on: drains, restarts, reloads, upgrades. */
export class Operations {
  readonly drains = new Drains();
  readonly #host: OperationsHost;
  /** What replaces all shards, or the process, at the moment. */
  #replacing: string | undefined;
  #upgrade: ProcessUpgrade | undefined;
  /** Those of the certificate that were asked for, to the last. */
  #tlsReloads: Promise<void> = Promise.resolve();

  constructor(host: OperationsHost) {
    this.#host = host;
  }

  /** The process that takes over, or has taken over. */
  get upgradeUnderWay(): ProcessUpgrade | undefined {
    return this.#upgrade;
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
      return this.#host.handover.evacuate(this.#shardAt(shard), withinMs);
    }
    const aimed = shard === undefined ? fleet.all : [this.#shardAt(shard)];
    const serving = aimed.filter(({ state }) => state.startsWith("serving"));
    if (isWhole)
      for (const each of aimed) each.tell({ type: "shard.suspended" });
    this.#host.ingress.update();
    const deadline = monotonicNow() + withinMs;
    return this.drains.start(
      serving,
      filter,
      (turn) => this.#host.planner.plan(deadline, serving.length, turn),
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
    this.#host.ingress.update();
  }

  async restartShard(given: number): Promise<void> {
    const index = toIndex(given, "restartShard()");
    this.#requireStability("restartShard()");
    const deadline = monotonicNow() + this.#host.config.shutdownDeadlineMs;
    await this.#shardAt(index).restart(this.#host.planner.plan(deadline, 1, 0));
  }

  async rebalance(): Promise<MoveReport> {
    this.#requireStability("rebalance()");
    return await this.#host.handover.rebalance(
      this.#host.config.shutdownDeadlineMs,
    );
  }

  reload(): Promise<ReloadReport> {
    return this.#replacingAll("reload()", "a reload", () =>
      reload(this.#host, this.#host.handover),
    );
  }

  upgrade(): Promise<UpgradeReport> {
    return this.#replacingAll("upgrade()", "an upgrade", async () => {
      const { handover, planner, lifecycle } = this.#host;
      const upgrade = new ProcessUpgrade(this.#host, handover);
      this.#upgrade = upgrade;
      try {
        const report = await upgrade.run();
        // Its clients come back to the process that serves now.
        planner.closeCode = CLOSE_CODE.serviceRestart;
        lifecycle.leave();
        return report;
      } finally {
        if (!upgrade.isCommitted) this.#upgrade = undefined;
      }
    });
  }

  /** One after the other: what was read first must not be adopted last. */
  reloadTls(): Promise<void> {
    const reloaded = this.#tlsReloads.then(() => this.#reloadTls());
    this.#tlsReloads = reloaded.catch(() => {});
    return reloaded;
  }

  async #reloadTls(): Promise<void> {
    const { config, environment, fleet } = this.#host;
    try {
      const tls = await readTlsMaterial(config);
      environment.tls = tls;
      if (tls === undefined) return;
      for (const shard of fleet.all) shard.post({ type: "tls", tls });
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

  async #replacingAll<Report>(
    method: string,
    name: string,
    replace: () => Promise<Report>,
  ): Promise<Report> {
    this.#requireStability(method);
    this.#replacing = name;
    try {
      return await replace();
    } finally {
      this.#replacing = undefined;
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
    if (this.#replacing === undefined) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: ${this.#replacing} is under way`,
    );
  }

  #requireListening(method: string): void {
    if (this.#host.lifecycle.isServing) return;
    throw new SluiceError(
      "ERR_SLUICE_STATE",
      `${method}: the server is ${this.#host.lifecycle.state}, it has to be listening`,
    );
  }
}

/** @throws SluiceError `ERR_SLUICE_OPTION` for what is no index of a shard. */
function toIndex(given: unknown, caller: string): number {
  return requireArgument(SHARD, given, `${caller}: shard`) as number;
}
