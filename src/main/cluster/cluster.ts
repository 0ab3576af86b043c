import { channel } from "node:diagnostics_channel";
import type { Config } from "../../config.ts";
import { channels } from "../../protocol/channels.ts";
import type { ClusterEngine, EngineHost, InstanceEntry } from "./engine.ts";
import { LocalEngine } from "./local-engine.ts";
import type { NatsClient } from "./nats-client.ts";
import { NatsEngine } from "./nats-engine.ts";
import { LONGEST_RETURN_MS } from "./read-instances.ts";

/** The shortest time over which returning clients are spread. */
const SPREAD_MIN_MS = 1_000;
/** The longest: whoever is told to come back later than that is as good as turned away. */
const SPREAD_MAX_MS = LONGEST_RETURN_MS;
/** What the last words to the others may take at the end. */
const LEAVING_MS = 750;

/** The state of a server that waits for its turn. */
export const QUEUEING = "closing.queueing";

/** This instance among the others: its place in the cluster, and its turn to drain. */
export class Cluster {
  readonly engine: ClusterEngine;
  readonly #config: Config;
  readonly #instance: string;
  #waiting: AbortController | undefined;
  /** The other instances that take connections, as they were when it was last asked. */
  #listening: readonly InstanceEntry[] = [];
  #linkState = "none";

  /** @param loadClient - Brings the client of NATS, by the name that the servers are to know it by. */
  constructor(
    config: Config,
    instance: string,
    loadClient: (name: string) => Promise<NatsClient>,
  ) {
    this.#config = config;
    this.#instance = instance;
    this.engine =
      config.nats.length === 0
        ? new LocalEngine()
        : new NatsEngine(config, instance, loadClient);
  }

  /** Whether the state of the link is no reason to be kept out of traffic. */
  get allowsReady(): boolean {
    const { readyWithoutCluster } = this.#config;
    if (!this.engine.isClustered || readyWithoutCluster) return true;
    return this.#linkState === "connected" || this.#linkState === "resuming";
  }

  /**
   * Begins to work.
   *
   * @param onLink - The state of the link has changed.
   * @throws SluiceError `ERR_SLUICE_CLUSTER`.
   */
  async start(
    host: Omit<EngineHost, "linkChanged">,
    onLink: () => void,
  ): Promise<void> {
    await this.engine.start({
      deliver: (topic, payload, isBinary) =>
        host.deliver(topic, payload, isBinary),
      malformed: (what) => host.malformed(what),
      count: (topic) => host.count(topic),
      describe: () => host.describe(),
      linkChanged: (state) => {
        const { lastError } = this.engine.link();
        this.#linkState = state;
        channel(channels.cluster).publish({ event: state, error: lastError });
        onLink();
      },
    });
  }

  /**
   * Waits for the turn to drain, until `leaveQueue`.
   *
   * @returns false when the queue was left meanwhile: nothing follows from it
   */
  async takeTurn(): Promise<boolean> {
    this.leaveQueue();
    const waiting = new AbortController();
    this.#waiting = waiting;
    // Known in any case, should the turn not come in time.
    await this.#lookAround();
    const isGranted = await this.engine.takeTurn(waiting.signal);
    channel(channels.cluster).publish({
      event: isGranted ? "turn-granted" : "turn-not-granted",
    });
    if (waiting.signal.aborted) return false;
    await this.#lookAround();
    return !waiting.signal.aborted;
  }

  leaveQueue(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
  }

  /**
   * Over how long this instance's clients come back to the others: as fast as
   * those can take them.
   *
   * @returns undefined where there are no others, or none is known
   */
  spreadMs(connections: number): number | undefined {
    const rate = this.#listening.reduce(
      (sum, { acceptRate }) => sum + acceptRate,
      0,
    );
    if (rate === 0) return undefined;
    const neededMs = (connections / rate) * 1000;
    return Math.min(SPREAD_MAX_MS, Math.max(SPREAD_MIN_MS, neededMs));
  }

  /** The turn is given back: others may follow as soon as the clients are with them. */
  async endTurn(returningForMs: number): Promise<void> {
    await this.engine.endTurn(returningForMs).catch(() => {});
  }

  /** Leaves the cluster, without holding the end up for long. */
  async stop(returningForMs: number): Promise<void> {
    if (!this.engine.isClustered) return;
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LEAVING_MS);
    await Promise.race([this.endTurn(returningForMs), tooLate]);
    clearTimeout(timer);
    await this.engine.stop();
  }

  /** Asks who else takes connections: those that serve, and those that wait for their turn. */
  async #lookAround(): Promise<void> {
    try {
      const all = await this.engine.instances();
      this.#listening = all.filter(
        ({ id, state }) =>
          id !== this.#instance &&
          (state === "listening" || state === QUEUEING),
      );
    } catch {
      // Nobody can be asked: what was known stays.
    }
  }
}
