import { setTimeout as after } from "node:timers/promises";
import type { PassedAdmin } from "../inspector.ts";
import { asDelay } from "../../config/units.ts";
import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { MoveObstacles } from "../../protocol/handover-messages.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { POLL_MS, settledWithin } from "../deadlines.ts";
import type { StartedProcess } from "../main-surroundings.ts";
import { Canary } from "./canary.ts";
import { takeTally } from "./version-comparison.ts";
import type { Handover, HandoverHost } from "./handover.ts";
import { leastLoaded } from "./least-loaded.ts";
import { OtherProcess, type ProcessMessage } from "./other-process.ts";
import { hearProcess } from "./read-process-message.ts";
import type { ShutdownOrder } from "../shutdown-options.ts";

/** Numbers that this process may still give to connections while the new one numbers its own. */
const NUMBER_GAP = 1_000_000;
/** How often the new process is told how those fare that have stayed. */
const TALLY_EVERY_MS = 50;
/** Connections that have all come may take so long to live on shards; a process of an older version does not say when they do. */
const LANDING_MS = 2_000;
/** How long a process that has failed may take to give connections back. */
const GIVE_BACK_MS = 5_000;
/** Who is on the way when both stop has so long to arrive. */
const SETTLE_MS = 500;
/** What a process that ends may take beyond the time that it has, for its report. */
const LAST_WORDS_MS = 2_000;

/** What an upgrade came to. */
export interface UpgradeReport {
  /** The process that serves now. */
  pid: number;
  /** Connections that live there. */
  moved: number;
  /** Connections that could not move and are told to come back (1012). */
  notified: number;
  refused: MoveObstacles;
  /** Until the new process was on its own, milliseconds. */
  durationMs: number;
}

/** What an upgrade needs of the server. */
export interface UpgradeHost extends HandoverHost {
  /** The inspector's listening socket, which this process accepts on no more; `undefined` where there is none. */
  readonly inspector: { passOn(): PassedAdmin | undefined };
}

/** The process that has taken the place of this one, or is about to. */
export interface Successor {
  readonly pid: number;
  /**
   * Waits for its end, and keeps this process alive for so long.
   *
   * @returns its exit status; 1 when a signal has ended it
   */
  ended(): Promise<number>;
  /** Sends it a signal, if it still lives. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * One process takes the place of this one: it has the same command line, and
 * runs whatever is on disk by now. It is handed the listening socket and every
 * connection that can move, and this one leaves the field to it. If the new
 * process dies or fails before that, this one carries on with what it has and
 * what comes back. If this one is asked to stop, both stop.
 */
export class ProcessUpgrade implements Successor {
  readonly #host: UpgradeHost;
  readonly #handover: Handover;
  readonly #child: StartedProcess;
  readonly #other: OtherProcess;
  readonly #startedAt = monotonicNow();
  readonly #canary: Canary;
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<number>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  readonly #said = new Map<
    ProcessMessage["type"],
    PromiseWithResolvers<void>
  >();
  #phase: "starting" | "moving" | "committed" = "starting";
  /** From here on the new process has numbered connections of its own. */
  #lentFrom: number | undefined;
  #tallies: NodeJS.Timeout | undefined;
  #hasSaidStop = false;
  /** How long the new process, which does not take over, may take to end. */
  #leavingForMs = GIVE_BACK_MS;
  #stop: { reason: string; deadline: number } | undefined;

  constructor(host: UpgradeHost, handover: Handover) {
    this.#host = host;
    this.#handover = handover;
    this.#failed.promise.catch(() => {});
    this.#child = host.surroundings.startSuccessor();
    this.#other = new OtherProcess(
      this.#child,
      handover.relay,
      () => leastLoaded(host.fleet.shards),
      (socket) => host.ingress.admit(socket),
    );
    this.#canary = new Canary({
      config: host.config,
      relay: handover.relay,
      shards: host.fleet.shards,
      destination: { kind: "process", forward: this.#other.forward },
      signal: this.#over.signal,
      // The new process looks at itself, and says so when it fails.
      look: () => {},
      onPassed: () => handover.announce("trial-passed", {}),
    });
    this.#child.onMessage((message, handle) =>
      hearProcess(message, handle, {
        take: (...said) => this.#take(...said),
        refuse: (number) => this.#other.say({ type: "refused", number }),
        drop: (what) => host.malformed.dropped("process", what),
      }),
    );
    this.#child.onError((error) => {
      this.#failed.reject(error);
      // One that could not be started has no exit.
      if (this.#child.pid === undefined) this.#ended.resolve(1);
    });
    this.#child.onExit((code, signal) => {
      this.#other.broken();
      this.#ended.resolve(code ?? 1);
      this.#failed.reject(
        new Error(
          `the new process ended with ${signal ?? `status ${code}`}; its log says why`,
        ),
      );
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  ended(): Promise<number> {
    this.#child.ref();
    return this.#ended.promise;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The new process is on its own. */
  get isCommitted(): boolean {
    return this.#phase === "committed";
  }

  /** Resolves when this process has nothing to do with it any more. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /**
   * Resolves when the new process is on its own.
   *
   * @throws SluiceError `ERR_SLUICE_UPGRADE` when it failed, or was asked to stop.
   */
  async run(): Promise<UpgradeReport> {
    this.#handover.announce("upgrading", {
      ...this.#handover.stats().movability,
    });
    try {
      const report = await Promise.race([
        this.#handOver(),
        this.#failed.promise,
      ]);
      this.#handover.announce("upgraded", { ...report });
      return report;
    } catch (cause) {
      this.#over.abort();
      this.#host.ingress.passTo(undefined);
      // What the other one has numbered keeps its number, which nobody gives again.
      if (this.#lentFrom !== undefined)
        this.#host.ingress.numberFrom(this.#lentFrom + NUMBER_GAP);
      this.#canary.callOff();
      if (this.#stop === undefined) await this.#goBack();
      else await this.#stopBoth(this.#stop);
      const why = sayForeign(cause);
      const isStopped = this.#stop !== undefined;
      this.#handover.announce(isStopped ? "called-off" : "rolled-back", {
        why,
      });
      throw new SluiceError(
        "ERR_SLUICE_UPGRADE",
        isStopped
          ? `upgrade(): called off, because both processes were asked to stop: ${why}`
          : `upgrade(): this process stays, because the new one failed: ${why}`,
        { cause },
      );
    } finally {
      clearInterval(this.#tallies);
      this.#settled.resolve();
    }
  }

  /** This process was asked to stop: what it has handed over stops with it, at whatever point that is. */
  stop({ reason = "shutdown()", deadlineMs }: ShutdownOrder): void {
    if (this.#phase === "committed")
      return this.#sayStop({ reason, deadlineMs });
    const withinMs = deadlineMs ?? this.#host.config.shutdownDeadlineMs;
    this.#stop ??= { reason, deadline: monotonicNow() + withinMs };
    return this.#failed.reject(new Error(reason));
  }

  /** Once both were asked to stop, the new process forces what is left of it. */
  force(): void {
    if (this.#hasSaidStop) this.#other.say({ type: "force" });
  }

  async #handOver(): Promise<UpgradeReport> {
    const { config, ingress } = this.#host;
    const { address, ports, handle } = ingress;
    await this.#hears("hello", config.startDeadlineMs);
    const firstNumber = ingress.takeNumber() + NUMBER_GAP;
    this.#lentFrom = firstNumber;
    this.#other.say(
      { type: "take-over", firstNumber, ...address, ports },
      handle,
    );
    this.#tellTally();
    this.#tallies = setInterval(() => this.#tellTally(), TALLY_EVERY_MS);
    await this.#hears("ready", config.startDeadlineMs * 2);
    this.#phase = "moving";
    await this.#canary.run();
    // It may have gone back meanwhile, and serves then.
    this.#over.signal.throwIfAborted();
    // From here on nobody new comes; those who just came follow. It goes on
    // listening until the new process is on its own: where that one fails, there
    // is no moment at which the port is closed.
    ingress.passTo(this.#other);
    await this.#handshakesDone();
    await this.#canary.move();
    await this.#haveLanded();
    this.#over.signal.throwIfAborted();
    this.#phase = "committed";
    ingress.suspend();
    const admin = this.#host.inspector.passOn();
    this.#other.say(
      { type: "committed", admin: admin?.address },
      admin?.handle,
      () => admin?.close(),
    );
    const { moved, refused } = this.#canary.report;
    const notified = this.#host.fleet.all.reduce(
      (sum, { counters }) => sum + counters.live,
      0,
    );
    // It holds neither this process nor its own end back.
    this.#child.unref();
    return {
      pid: this.#child.pid as number,
      moved,
      notified,
      refused,
      durationMs: monotonicNow() - this.#startedAt,
    };
  }

  /** If the new process dies of those that come to it last, this one still serves. */
  async #haveLanded(): Promise<void> {
    this.#other.say({ type: "sent" });
    const landed = this.#saying("landed").promise;
    await settledWithin(
      Promise.race([landed, this.#failed.promise]),
      LANDING_MS,
    );
  }

  #tellTally(): void {
    this.#other.say({ type: "tally", tally: takeTally(this.#host.fleet.all) });
  }

  /** Those whose handshake is under way open here, and move then. */
  async #handshakesDone(): Promise<void> {
    const { fleet, config } = this.#host;
    const until = monotonicNow() + config.handshakeDeadlineMs;
    const areUnderWay = (): boolean =>
      fleet.all.some(({ counters }) => counters.upgrading > 0);
    while (areUnderWay() && monotonicNow() < until)
      await after(POLL_MS, undefined, { signal: this.#over.signal });
  }

  /** This process carries on, and takes back what it can. */
  async #goBack(): Promise<void> {
    await this.#childEnds(this.#child.isConnected ? this.#leavingForMs : 0);
    this.#other.broken();
    await this.#canary.settled();
  }

  /** Neither carries on: whom the new process has by now, it tells to come back. */
  async #stopBoth({
    reason,
    deadline,
  }: {
    reason: string;
    deadline: number;
  }): Promise<void> {
    // It has nobody, and is asked nothing while it starts.
    if (this.#phase === "starting") return this.#childEnds(0);
    // Who is on the way arrives before it is told to stop.
    await settledWithin(this.#canary.settled(), SETTLE_MS);
    const leftMs = Math.max(1, Math.round(deadline - monotonicNow()));
    this.#sayStop({ reason, deadlineMs: leftMs });
    await this.#childEnds(leftMs + LAST_WORDS_MS);
    return this.#other.broken();
  }

  #sayStop(message: { reason: string; deadlineMs: number | undefined }): void {
    this.#hasSaidStop = true;
    this.#other.say({ type: "stop", ...message });
  }

  /** Resolves when the new process has ended, which it has to within this time. */
  async #childEnds(withinMs: number): Promise<void> {
    const timer = setTimeout(
      () => this.#child.kill("SIGKILL"),
      asDelay(withinMs),
    );
    await this.ended();
    clearTimeout(timer);
  }

  async #hears(
    type: ProcessMessage["type"],
    deadlineMs: number,
  ): Promise<void> {
    const timer = setTimeout(
      () =>
        this.#failed.reject(
          new Error(
            `the new process did not say "${type}" in ${deadlineMs} ms`,
          ),
        ),
      asDelay(deadlineMs),
    );
    try {
      // Once it has failed, nobody waits for anything any more.
      await Promise.race([this.#saying(type).promise, this.#failed.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #saying(type: ProcessMessage["type"]): PromiseWithResolvers<void> {
    const known = this.#said.get(type) ?? Promise.withResolvers<void>();
    this.#said.set(type, known);
    return known;
  }

  #take(message: ProcessMessage, handle: SocketHandle | undefined): void {
    this.#saying(message.type).resolve();
    if (message.type !== "failed") return this.#other.take(message, handle);
    this.#leavingForMs = message.withinMs + LAST_WORDS_MS;
    return this.#failed.reject(new Error(message.why));
  }
}
