import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { MoveObstacles } from "../../protocol/handover-messages.ts";
import type { Handover, HandoverHost } from "./handover.ts";
import { Emptying } from "./emptying.ts";
import { leastLoaded } from "./least-loaded.ts";
import { moveDeadline, POLL_MS } from "../deadlines.ts";
import { selfTestAll } from "./self-test.ts";
import type { Destination } from "./relay.ts";
import { Canary } from "./canary.ts";
import { CanaryOwner } from "./canary-owner.ts";
import { type Tally, takeTally } from "./version-comparison.ts";
import { isStill } from "./version-watch.ts";
import { Shard, type ShardOwner } from "../shards/shard.ts";
import { CLOSE_CODE } from "../../rfc6455.ts";

/** What a reload came to. */
export interface ReloadReport {
  /** Connections that live on the new shards now. */
  moved: number;
  /** Connections that could not move and were told to come back (1012). */
  notified: number;
  /** Why they could not. */
  refused: MoveObstacles;
  /** Until the last of the old shards had ended, milliseconds. */
  durationMs: number;
}

/** What a reload needs of the server. */
export interface ReloadHost extends HandoverHost {
  /** Owns the shards that serve. */
  readonly supervisor: ShardOwner;
}

/**
 * Replaces every shard by a new one, with the handlers as they are on disk now,
 * under the feet of their connections. The new ones prove themselves first: the
 * module loads, `started` resolves, a probe connection is served, and the first
 * connections fare well for `trialMs`. If they do not, everything goes back. So it
 * does when the server begins to stop before they have: whoever calls the
 * shutdown off finds the old version.
 *
 * @throws SluiceError `ERR_SLUICE_RELOAD` when the new version failed, or was
 *   not tried to the end; the old one serves on.
 */
export async function reload(
  host: ReloadHost,
  handover: Handover,
): Promise<ReloadReport> {
  handover.announce("reloading", { ...handover.stats().movability });
  const replacement = new ShardReplacement(host, handover);
  const forget = host.stoppage.onBegin(() => replacement.interrupt());
  try {
    const report = await replacement.run();
    handover.announce("reloaded", { ...report });
    return report;
  } catch (cause) {
    const why = sayForeign(cause);
    handover.announce("rolled-back", { why });
    const because = replacement.isInterrupted
      ? why
      : `because the new one failed: ${why}`;
    throw new SluiceError(
      "ERR_SLUICE_RELOAD",
      `reload(): the old version stays, ${because}`,
      { cause },
    );
  } finally {
    forget();
  }
}

/** The replacement of all shards of a server for new ones. */
class ShardReplacement {
  readonly #host: ReloadHost;
  readonly #handover: Handover;
  readonly #owner: CanaryOwner;
  readonly #canary: Canary;
  readonly #startedAt = monotonicNow();
  readonly #old: readonly Shard[];
  /** How the old version fared when this began. */
  readonly #began: Tally;
  readonly #entering: Shard[] = [];
  readonly #over = new AbortController();
  readonly #interruption = Promise.withResolvers<never>();
  readonly #killed = new Set<Shard>();
  /** Whose the new connections are; once the new version has `passed`, the old one does not come back. */
  #phase: "old" | "new" | "passed" = "old";
  /** The server stops before the new version has passed. */
  isInterrupted = false;

  constructor(host: ReloadHost, handover: Handover) {
    this.#host = host;
    this.#handover = handover;
    this.#owner = new CanaryOwner(host.supervisor);
    this.#old = [...host.fleet.shards];
    this.#canary = new Canary({
      config: host.config,
      relay: handover.relay,
      shards: this.#old,
      destination: this.#destination,
      signal: this.#over.signal,
      look: () => this.#owner.look(),
      onPassed: () => handover.announce("trial-passed", {}),
    });
    this.#began = takeTally(this.#old);
    this.#interruption.promise.catch(() => {});
  }

  async run(): Promise<ReloadReport> {
    try {
      await this.#uninterrupted(this.#start());
    } catch (error) {
      this.#over.abort();
      this.#owner.end(false);
      await this.#endAll();
      throw error;
    }
    this.#takeOver();
    try {
      await this.#uninterrupted(this.#moveOver());
    } catch (error) {
      this.#giveBack();
      await this.#goBack();
      throw error;
    }
    this.#phase = "passed";
    this.#owner.end(true);
    const notified = sumLive(this.#old);
    await this.#retire(this.#old, true);
    const { moved, refused } = this.#canary.report;
    return { moved, notified, refused, durationMs: this.#elapsedMs };
  }

  /**
   * The server begins to stop. Nobody waits for the event loop to turn: the
   * shutdown may be called off at once, and finds the old version in its place.
   */
  interrupt(): void {
    if (this.#phase === "passed") return;
    this.isInterrupted = true;
    this.#interruption.reject(
      new Error("because the server was to stop before the new one had passed"),
    );
    this.#giveBack();
  }

  /** @throws what was wrong with the new version, or that the server stops. */
  async #uninterrupted<Value>(work: Promise<Value>): Promise<Value> {
    const { promise } = this.#interruption;
    const value = await Promise.race([work, this.#owner.failed, promise]);
    return this.isInterrupted ? await promise : value;
  }

  /** The new ones take new connections from now on, and are watched. */
  #takeOver(): void {
    this.#phase = "new";
    this.#owner.watch(this.#entering, {
      began: this.#began,
      now: () => takeTally(this.#old),
    });
    this.#host.fleet.swap(this.#entering);
    for (const shard of this.#old) shard.tell({ type: "shard.suspended" });
  }

  /** The old ones do so again. */
  #giveBack(): void {
    this.#over.abort();
    this.#owner.end(false);
    if (this.#phase !== "new") return;
    this.#phase = "old";
    this.#host.fleet.swap(this.#old);
    for (const shard of this.#old) shard.tell({ type: "shard.resumed" });
    this.#canary.callOff();
  }

  get #elapsedMs(): number {
    return monotonicNow() - this.#startedAt;
  }

  /** Starts the new shards beside the old, and tries each with a connection of our own. */
  async #start(): Promise<void> {
    const { fleet, supervisor, ingress, surroundings } = this.#host;
    while (this.#entering.length < this.#old.length) {
      const shard = new Shard(fleet.freeIndex(), this.#owner);
      fleet.standby.push(shard);
      this.#entering.push(shard);
    }
    const serving = this.#entering.map((shard) => shard.nextServing());
    for (const shard of this.#entering) shard.start();
    await Promise.all(serving);
    const { signal } = this.#over;
    const complaint = await selfTestAll(this.#entering, {
      connect: surroundings.connectToShard,
      takeNumber: () => ingress.takeNumber(),
      isSecure: supervisor.environment.tls !== undefined,
      signal,
    });
    if (complaint !== undefined) throw new Error(complaint);
  }

  async #moveOver(): Promise<void> {
    await this.#canary.run();
    // Whose handshake was under way at the change has opened on the old version.
    if (this.#canary.hasMore) await this.#canary.move();
    this.#owner.look();
  }

  /** What has moved moves back, unless the server has ended. */
  async #goBack(): Promise<void> {
    await this.#host.stoppage.decided;
    const timer = setInterval(() => this.#killTheStill(), POLL_MS);
    this.#killTheStill();
    try {
      await this.#canary.settled();
      await this.#moveBack();
      await this.#retire(this.#entering, false);
    } finally {
      clearInterval(timer);
    }
  }

  async #moveBack(): Promise<void> {
    const { config } = this.#host;
    const deadline = moveDeadline(config.shutdownDeadlineMs, monotonicNow());
    const { fleet, stoppage } = this.#host;
    const into = {
      choose: () => leastLoaded(fleet.shards),
      isOver: () => stoppage.isUnderWay,
    };
    await Promise.all(
      this.#entering.map(
        (shard) =>
          new Emptying(shard, into, this.#handover.relay, deadline).done,
      ),
    );
  }

  get #destination(): Destination {
    const { shards } = this.#host.fleet;
    return { kind: "shards", choose: () => leastLoaded(shards) };
  }

  /** One that hangs gives nothing back, and is not waited for. */
  #killTheStill(): void {
    for (const shard of this.#entering) {
      const isAlive = shard.state !== "terminated" && !this.#killed.has(shard);
      if (!isAlive || !isStill(shard)) continue;
      this.#killed.add(shard);
      shard.kill();
    }
  }

  async #retire(shards: readonly Shard[], hasServed: boolean): Promise<void> {
    const { config, fleet } = this.#host;
    const deadline = monotonicNow() + config.shutdownDeadlineMs;
    await Promise.all(
      shards.map((shard, turn) =>
        shard.retire(
          this.#host.planner.plan(
            deadline,
            shards.length,
            turn,
            CLOSE_CODE.serviceRestart,
          ),
        ),
      ),
    );
    for (const shard of shards) fleet.archive(shard, hasServed);
  }

  /** For shards that have not taken any connection yet. */
  async #endAll(): Promise<void> {
    for (const shard of this.#entering)
      if (shard.state !== "terminated") shard.kill();
    await this.#retire(this.#entering, false);
  }
}

function sumLive(shards: readonly Shard[]): number {
  return shards.reduce((sum, { counters }) => sum + counters.live, 0);
}
