import { aside } from "../aside.ts";
import { channel } from "node:diagnostics_channel";
import type { Config } from "../../config.ts";
import { SluiceError } from "../../errors.ts";
import { channels } from "../../protocol/channels.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import { HISTOGRAM_SLOTS, summarize } from "../../protocol/histogram.ts";
import type { DurationSummary } from "../../protocol/histogram.ts";
import { moveDeadline } from "../deadlines.ts";
import type { DrainPlan } from "../../protocol/messages.ts";
import type { MoveObstacle } from "../../protocol/handover-messages.ts";
import type { Drain, DrainReport } from "../drain.ts";
import type { Ingress } from "../accept/ingress.ts";
import type { Fleet } from "../shards/fleet.ts";
import type { Shard } from "../shards/shard.ts";
import type { MainSurroundings } from "../main-surroundings.ts";
import { busyShare } from "../shards/busy-share.ts";
import type { Malformed } from "../malformed.ts";
import type { Stoppage } from "../stoppage.ts";
import { Emptying } from "./emptying.ts";
import { leastLoaded } from "./least-loaded.ts";
import { type Movability, countMovability } from "./movability.ts";
import { evenOut, LoadWatch, type Shift } from "./rebalance.ts";
import { addReports, type MoveReport, Relay } from "./relay.ts";
import { CLOSE_CODE } from "../../rfc6455.ts";

/** How often the load of the shards is compared. */
const WEIGH_EVERY_MS = 1_000;

/** What handover needs of the server. */
export interface HandoverHost {
  readonly surroundings: MainSurroundings;
  readonly config: Config;
  readonly fleet: Fleet;
  /** It listens, and is not stopping. */
  readonly readiness: { readonly isReady: boolean };
  readonly moveBlocker: string | undefined;
  readonly stoppage: Stoppage;
  /** What comes from other processes and is not read. */
  readonly malformed: Malformed;
  readonly planner: {
    plan(
      deadline: number,
      shards: number,
      turn: number,
      closeCode?: number,
    ): DrainPlan;
  };
  readonly ingress: Ingress;
}

/** Handover, as it stands at this moment. */
export interface HandoverStats {
  /** Why connections cannot move, in one sentence; `undefined` when they can. */
  off: string | undefined;
  /** Live connections by whether they can move, over all shards. */
  movability: Movability;
  /** Moves that have landed, between shards or from another process, since the start. */
  moved: number;
  /** Connections that have left a thread and have not landed. */
  inTransit: number;
  refused: Record<MoveObstacle, number>;
  /** How long moved connections were not read. */
  durations: DurationSummary;
}

/** Moves connections between the shards of a server. */
export class Handover {
  readonly relay: Relay;
  readonly #host: HandoverHost;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Shards that are being emptied, and what calls that off. */
  readonly #evacuations = new Map<Shard, () => void>();

  constructor(host: HandoverHost) {
    this.#host = host;
    this.relay = new Relay({
      get shards() {
        return host.fleet.shards;
      },
      limits: host.ingress.limits,
      get isStopping() {
        return host.stoppage.isUnderWay;
      },
    });
    // A shutdown tells everyone itself; called off, it finds no half of an evacuation.
    host.stoppage.onBegin(() => {
      for (const callOff of this.#evacuations.values()) callOff();
      this.relay.flush();
    });
    const { rebalancePercent } = host.config;
    if (rebalancePercent === 0) return;
    const watch = new LoadWatch(rebalancePercent / 100);
    this.#timer = setInterval(() => this.#look(watch), WEIGH_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.relay.stop();
  }

  stats(): HandoverStats {
    const { fleet, moveBlocker } = this.#host;
    const durations = new Float64Array(HISTOGRAM_SLOTS);
    const refused: Partial<Record<MoveObstacle, number>> = {};
    let longestMs = 0;
    let moved = 0;
    let left = 0;
    for (const counters of fleet.counters) {
      moved += counters.get("movedIn");
      left += counters.get("movedOut");
      longestMs = Math.max(longestMs, counters.longestMoveMs);
      for (const [bucket, count] of counters.moveDurations.entries())
        (durations[bucket] as number) += count;
      for (const [cause, count] of Object.entries(counters.moveRefusals()))
        refused[cause as MoveObstacle] =
          (refused[cause as MoveObstacle] ?? 0) + count;
    }
    const { movedIn, movedOut, dropped } = this.relay;
    return {
      off: moveBlocker,
      movability: countMovability(fleet.all, this.#host),
      moved,
      inTransit: Math.max(0, left + movedIn - moved - movedOut - dropped),
      refused: refused as Record<MoveObstacle, number>,
      durations: summarize(durations, longestMs),
    };
  }

  /**
   * Moves a shard's connections to the others, tells those that cannot move to
   * come back (1012), and starts the shard again.
   *
   * @throws SluiceError `ERR_SLUICE_STATE` when there is no other shard.
   */
  evacuate(shard: Shard, deadlineMs: number): Drain {
    const { fleet } = this.#host;
    const others = fleet.shards.filter(
      (other) => other !== shard && other.isAccepting,
    );
    if (others.length === 0)
      throw new SluiceError(
        "ERR_SLUICE_STATE",
        `drain(): shard ${shard.index} cannot be moved, no other shard takes connections`,
      );
    if (this.#evacuations.has(shard))
      throw new SluiceError(
        "ERR_SLUICE_STATE",
        `drain(): shard ${shard.index} is being moved already`,
      );
    const startedAt = monotonicNow();
    const deadline = startedAt + deadlineMs;
    shard.tell({ type: "shard.suspended" });
    this.announce("evacuating", { shard: shard.index });
    const emptying = new Emptying(
      shard,
      {
        choose: () => leastLoaded(fleet.shards, shard),
        // A reload may have replaced it.
        isOver: () => !fleet.shards.includes(shard),
      },
      this.relay,
      moveDeadline(deadlineMs, startedAt),
    );
    let wasCalledOff = false;
    const callOff = (): void => {
      wasCalledOff = true;
      emptying.callOff();
    };
    this.#evacuations.set(shard, callOff);
    const finish = async (): Promise<DrainReport> => {
      const { moved, refused } = await emptying.done;
      this.#evacuations.delete(shard);
      // A reload has ended the shard, or will.
      if (!this.#host.readiness.isReady || !fleet.shards.includes(shard))
        wasCalledOff = true;
      const notified = wasCalledOff ? 0 : shard.counters.live;
      if (wasCalledOff) shard.tell({ type: "shard.resumed" });
      else await this.#restart(shard, deadline);
      const durationMs = monotonicNow() - startedAt;
      const report = { notified, moved, refused, wasCalledOff, durationMs };
      this.announce("evacuated", { shard: shard.index, ...report });
      return report;
    };
    return {
      done: finish(),
      callOff,
    };
  }

  /** Resolves when the shard serves again, or never will, because it or the server has ended. */
  async #restart(shard: Shard, deadline: number): Promise<void> {
    // Restarted by somebody else meanwhile: whom that tells, it tells what it says.
    if (shard.isClosing) return await shard.nextServing().catch(() => {});
    const plan = this.#host.planner.plan(
      deadline,
      1,
      0,
      CLOSE_CODE.serviceRestart,
    );
    // Whoever only begins an evacuation need not wait for it, nor catch anything.
    await shard.restart(plan).catch(() => {});
  }

  /** Shares the connections out evenly, by their number. */
  async rebalance(deadlineMs: number): Promise<MoveReport> {
    const { shards } = this.#host.fleet;
    const serving = shards.filter(({ isAccepting }) => isAccepting);
    const shifts = evenOut(serving.map(({ load }) => load));
    return this.#shift(serving, shifts, deadlineMs);
  }

  announce(event: string, details: Record<string, unknown>): void {
    channel(channels.handover).publish({ event, ...details });
  }

  async #shift(
    shards: readonly Shard[],
    shifts: readonly Shift[],
    deadlineMs: number,
  ): Promise<MoveReport> {
    const startedAt = monotonicNow();
    const deadline = startedAt + deadlineMs;
    const reports = await Promise.all(
      shifts.map(({ from, to, count }) => {
        const target = shards[to] as Shard;
        const destination = { kind: "shards", choose: () => target } as const;
        const source = shards[from] as Shard;
        return this.relay.move(source, destination, deadline, count).done;
      }),
    );
    const sum = {
      ...addReports(reports),
      durationMs: monotonicNow() - startedAt,
    };
    if (shifts.length > 0) this.announce("rebalanced", { ...sum });
    return sum;
  }

  #look(watch: LoadWatch): void {
    const { fleet, readiness, config } = this.#host;
    if (!readiness.isReady || fleet.standby.length > 0 || this.relay.orders > 0)
      return;
    const { shards } = fleet;
    const serving = shards.filter(({ isAccepting }) => isAccepting);
    const weights = serving.map(({ load, counters, isBlocked }) => ({
      load,
      utilization: busyShare({ isBlocked, counters }),
    }));
    const restarts = shards.reduce(
      (sum, { counters }) => sum + counters.get("restarts"),
      0,
    );
    const isComplete = serving.length === shards.length;
    const shift = watch.look(weights, isComplete, restarts);
    if (shift !== undefined)
      aside(
        this.#shift(serving, [shift], config.moveDeadlineMs),
        "evening out the load",
      );
  }
}
