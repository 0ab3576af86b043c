import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as after } from "node:timers/promises";
import { SluiceError } from "../errors.ts";
import { sayForeign } from "../foreign-value.ts";
import { monotonicNow } from "../protocol/clock.ts";
import type { Refusals } from "../protocol/moving.ts";
import type { SocketHandle } from "../protocol/socket-transfer.ts";
import type { ServerAddress } from "./listener.ts";
import { takeTally } from "./moving/canary.ts";
import {
  addRounds,
  type Handover,
  type HandoverHost,
  leastLoaded,
} from "./moving/handover.ts";
import {
  Peer,
  type PeerChannel,
  type PeerMessage,
  readPeerMessage,
} from "./moving/peer.ts";
import { TAKE_OVER_VARIABLE } from "./moving/predecessor.ts";
import type { MoveReport, MoveUnderWay } from "./moving/relay.ts";

/** Of each shard's connections, so many go first, and are watched. */
const FIRST_SHARE = 0.02;
/** Of the time that an upgrade has, moves may use this share. */
const MOVING_SHARE = 0.5;
/** Numbers that this process may still give to connections while the new one numbers its own. */
const NUMBER_GAP = 1_000_000;
const LOOK_MS = 10;
/** How often the new process is told how those fare that have stayed. */
const TALLY_EVERY_MS = 50;
/** How long a process that has failed may take to give connections back. */
const GIVE_BACK_MS = 5_000;

/** What an upgrade came to. */
export interface UpgradeReport {
  /** The process that serves now. */
  pid: number;
  /** Connections that live there. */
  moved: number;
  /** Connections that could not move and are told to come back (1012). */
  told: number;
  refused: Refusals;
  /** Until the new process was on its own, milliseconds. */
  durationMs: number;
}

/** What an upgrade needs of the server. */
export interface UpgradeHost extends HandoverHost {
  readonly address: ServerAddress;
  /** Where its connections were accepted, those that came from other processes too. */
  readonly ports: readonly number[];
  /** The listening socket, to be shared; `undefined` while it does not listen. */
  readonly listeningHandle: SocketHandle | undefined;
  takeNumber(): number;
  /** The new process accepts from now on. */
  suspendListener(): void;
  /** It does so no more. */
  updateListener(): void;
}

/**
 * Starts a new process with the same command line, and whatever is on disk by
 * now, hands it the listening socket and every connection that can move, and
 * leaves the field to it. If the new process dies or fails before that, this one
 * carries on with what it has and what comes back.
 *
 * @throws SluiceError `ERR_SLUICE_UPGRADE` when the new process failed.
 */
export async function upgrade(
  host: UpgradeHost,
  handover: Handover,
): Promise<UpgradeReport> {
  handover.announce("upgrading", { ...handover.stats().census });
  const succession = new Succession(host, handover);
  try {
    const report = await succession.run();
    handover.announce("upgraded", { ...report });
    return report;
  } catch (cause) {
    const why = sayForeign(cause);
    handover.announce("rolled-back", { why });
    throw new SluiceError(
      "ERR_SLUICE_UPGRADE",
      `upgrade(): this process stays, because the new one failed: ${why}`,
      { cause },
    );
  }
}

/** One process takes the place of this one. */
class Succession {
  readonly #host: UpgradeHost;
  readonly #handover: Handover;
  readonly #child: ChildProcess;
  readonly #peer: Peer;
  readonly #startedAt = monotonicNow();
  readonly #moves: MoveUnderWay[] = [];
  readonly #failed = Promise.withResolvers<never>();
  readonly #over = new AbortController();
  readonly #said = new Map<PeerMessage["type"], PromiseWithResolvers<void>>();
  #hasStoppedAccepting = false;
  #tallies: NodeJS.Timeout | undefined;

  constructor(host: UpgradeHost, handover: Handover) {
    this.#host = host;
    this.#handover = handover;
    this.#failed.promise.catch(() => {});
    this.#child = spawn(process.execPath, commandLine(), {
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      // User data travels as structuredClone would take it.
      serialization: "advanced",
      env: { ...process.env, [TAKE_OVER_VARIABLE]: String(process.pid) },
    });
    this.#peer = new Peer(channelTo(this.#child), handover.relay, () =>
      leastLoaded(host.fleet.shards),
    );
    this.#child.on("message", (message, handle) =>
      this.#take(message, handle as SocketHandle | undefined),
    );
    this.#child.on("error", (error) => this.#failed.reject(error));
    this.#child.on("exit", (code, signal) => {
      this.#peer.broken();
      this.#failed.reject(
        new Error(
          `the new process ended with ${signal ?? `status ${code}`}; its log says why`,
        ),
      );
    });
  }

  async run(): Promise<UpgradeReport> {
    try {
      return await Promise.race([this.#handOver(), this.#failed.promise]);
    } catch (error) {
      this.#over.abort();
      await this.#goBack();
      throw error;
    } finally {
      clearInterval(this.#tallies);
    }
  }

  async #handOver(): Promise<UpgradeReport> {
    const { config, address, ports, listeningHandle } = this.#host;
    await this.#hears("hello", config.startDeadlineMs);
    const firstNumber = this.#host.takeNumber() + NUMBER_GAP;
    this.#peer.say(
      { type: "take-over", firstNumber, ...address, ports },
      listeningHandle,
    );
    this.#tellTally();
    this.#tallies = setInterval(() => this.#tellTally(), TALLY_EVERY_MS);
    await this.#hears("ready", config.startDeadlineMs * 2);
    const rounds = [await this.#moveAll(FIRST_SHARE)];
    await after(config.trialMs, undefined, { signal: this.#over.signal });
    this.#handover.announce("trial-passed", {});
    rounds.push(await this.#moveAll(1));
    // From here on nobody new comes; those who just came follow.
    this.#hasStoppedAccepting = true;
    this.#host.suspendListener();
    await this.#handshakesDone();
    rounds.push(await this.#moveAll(1));
    this.#over.signal.throwIfAborted();
    this.#peer.say({ type: "committed" });
    const { moved, refused } = addRounds(rounds);
    const told = this.#host.fleet.all.reduce(
      (sum, { counters }) => sum + counters.live,
      0,
    );
    this.#child.removeAllListeners("exit");
    // It holds neither this process nor its own end back.
    this.#child.unref();
    this.#child.channel?.unref();
    return {
      pid: this.#child.pid as number,
      moved,
      told,
      refused,
      durationMs: monotonicNow() - this.#startedAt,
    };
  }

  #tellTally(): void {
    this.#peer.say({ type: "tally", tally: takeTally(this.#host.fleet.all) });
  }

  async #moveAll(share: number): Promise<MoveReport[]> {
    this.#over.signal.throwIfAborted();
    const { fleet, config } = this.#host;
    const deadline = monotonicNow() + config.shutdownDeadlineMs * MOVING_SHARE;
    const destination = {
      kind: "process",
      forward: this.#peer.forward,
    } as const;
    const underWay = fleet.shards.map((shard) =>
      this.#handover.relay.move(
        shard,
        destination,
        deadline,
        share === 1 ? Infinity : Math.ceil(shard.load * share),
      ),
    );
    this.#moves.push(...underWay);
    return Promise.all(underWay.map(({ done }) => done));
  }

  /** Those whose handshake is under way open here, and move then. */
  async #handshakesDone(): Promise<void> {
    const { fleet, config } = this.#host;
    const until = monotonicNow() + config.handshakeDeadlineMs;
    const areUnderWay = (): boolean =>
      fleet.all.some(({ counters }) => counters.upgrading > 0);
    while (areUnderWay() && monotonicNow() < until)
      await after(LOOK_MS, undefined, { signal: this.#over.signal });
  }

  /** This process carries on, and takes back what it can. */
  async #goBack(): Promise<void> {
    for (const move of this.#moves) move.callOff();
    if (this.#hasStoppedAccepting) this.#host.updateListener();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      const timer = setTimeout(
        () => this.#child.kill("SIGKILL"),
        this.#child.connected ? GIVE_BACK_MS : 0,
      );
      await ended;
      clearTimeout(timer);
    }
    this.#peer.broken();
    await Promise.all(this.#moves.map(({ done }) => done));
  }

  async #hears(type: PeerMessage["type"], deadlineMs: number): Promise<void> {
    const timer = setTimeout(
      () =>
        this.#failed.reject(
          new Error(
            `the new process did not say "${type}" in ${deadlineMs} ms`,
          ),
        ),
      deadlineMs,
    );
    try {
      await this.#saying(type).promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #saying(type: PeerMessage["type"]): PromiseWithResolvers<void> {
    const known = this.#said.get(type) ?? Promise.withResolvers<void>();
    this.#said.set(type, known);
    return known;
  }

  #take(raw: unknown, handle: SocketHandle | undefined): void {
    const message = readPeerMessage(raw);
    if (message === undefined) return;
    this.#saying(message.type).resolve();
    if (message.type === "failed") this.#failed.reject(new Error(message.why));
    else this.#peer.take(message, handle);
  }
}

/** This process's own. */
function commandLine(): string[] {
  const [, ...rest] = process.argv;
  return [...process.execArgv, ...rest];
}

function channelTo(child: ChildProcess): PeerChannel {
  return {
    send: (message, handle, onSent) => {
      child.send(message, handle as never, {}, onSent);
    },
  };
}
