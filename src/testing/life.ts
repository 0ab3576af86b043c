import type { ServerOptions } from "../config.ts";
import type { DrainTarget } from "../main/drain.ts";
import type { Client, Scene } from "./scene.ts";
import { Draws } from "./simulation/draws.ts";

/**
 * What can go wrong, or is asked of the server, in a random life. The names are
 * those of the option `faults`.
 */
export const faults = [
  "slow",
  "half-frame",
  "reset",
  "end",
  "mute",
  "hold",
  "block",
  "crash",
  "jump",
  "move",
  "rebalance",
  "drain",
  "restart",
  "reload",
  "call-off",
  "shutdown",
] as const;
export type Fault = (typeof faults)[number];

/** A step of a random life, as plain data. */
export interface Step {
  readonly does: "open" | "say" | "close" | "wait" | Fault;
  /** Chooses among clients and shards: the same, whoever else is there. */
  readonly pick: number;
  /** How much of it: messages, or milliseconds. */
  readonly amount: number;
  /** How long the story goes on before the next step; milliseconds. */
  readonly pause: number;
  readonly path: string;
  readonly message: string;
}

const LONG_MS = 30_000;

/** Plays the steps of a life, one after the other, in a scene. */
export class Life {
  readonly clients: Client[] = [];
  readonly #scene: Scene;
  readonly #pending = new Map<string, number>();
  #operations = 0;
  /** A shutdown that was not called off: nobody is let in any more. */
  hasEnded = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (this.hasEnded) return;
      await this.#do(step);
      await this.#scene.time.advance(step.pause);
    }
  }

  /**
   * Faults have stopped: whatever was begun has to end now, and every shard has
   * to serve again.
   *
   * @throws Error that names what hangs
   */
  async recover(): Promise<void> {
    const { server, time, network } = this.#scene;
    network.release();
    if (this.hasEnded) return;
    // What was drained when a shutdown came, and was called off, is drained still.
    server.resume();
    const isWell = (): boolean =>
      this.#pending.size === 0 &&
      server
        .stats()
        .shards.every(
          ({ state }) =>
            state === "serving.accepting" || state === "serving.draining",
        );
    try {
      await time.until(isWell, LONG_MS);
    } catch {
      const states = server
        .stats()
        .shards.map(({ shard, state }) => `shard ${shard} is ${state}`);
      throw new Error(
        `broken: once faults stop, everything gets on\n  after ${LONG_MS / 1000} s: ${[
          ...this.#pending.keys(),
        ]
          .map((what) => `${what} has not settled`)
          .concat(states)
          .join(", ")}`,
      );
    }
  }

  async #do(step: Step): Promise<void> {
    const { time, network, server, shards } = this.#scene;
    const { does, amount, message } = step;
    const client = this.#client(step.pick);
    const shard = pickBy(step.pick, shards, ({ index }) => String(index));
    switch (does) {
      case "open":
        this.clients.push(
          this.#scene.connect(step.path, {
            name: `client ${step.pick}.${this.clients.length}`,
          }),
        );
        return;
      case "say":
        for (let count = 0; count < 1 + (amount % 5); count++)
          client?.send(message);
        return;
      case "close":
        client?.close(amount % 2 === 0 ? 1000 : 4000);
        return;
      case "wait":
        return time.advance(amount * 10);
      case "slow":
        if (amount % 2 === 0) client?.stopReading();
        else for (const each of this.clients) each.readOn();
        return;
      case "half-frame":
        client?.sendHalf(message);
        return;
      case "reset":
        client?.reset();
        return;
      case "end":
        client?.end();
        return;
      case "mute":
        client?.mute();
        return;
      case "hold":
        network.hold();
        await time.advance(amount * 5);
        network.release();
        return;
      case "block":
        shard?.block(amount * 10);
        return;
      case "crash":
        shard?.crash();
        return;
      case "jump":
        time.jump((amount - 50) * 60_000);
        return;
      case "move":
        if (shard !== undefined)
          this.#drain(
            { shard: shard.index, move: true, deadlineMs: 600 },
            amount,
          );
        return;
      case "rebalance":
        this.#ask("rebalance()", () => server.rebalance());
        return;
      case "drain":
        this.#drain(
          [
            {},
            { pathPrefix: step.path },
            ...(shard === undefined ? [] : [{ shard: shard.index }]),
            { olderThanMs: 100 },
          ][step.pick % 4] ?? {},
          amount,
        );
        return;
      case "restart":
        if (shard !== undefined)
          this.#ask(`restartShard(${shard.index})`, () =>
            server.restartShard(shard.index),
          );
        return;
      case "reload":
        this.#ask("reload()", () => server.reload());
        return;
      case "call-off": {
        const ended = server.shutdown();
        this.#note("shutdown()", ended);
        await time.advance(amount);
        if (!server.callOff()) this.hasEnded = true;
        return;
      }
      case "shutdown":
        this.#note("shutdown()", server.shutdown());
        this.hasEnded = true;
    }
  }

  #drain(target: DrainTarget, amount: number): void {
    this.#ask(`drain(${JSON.stringify(target)})`, () => {
      const drain = this.#scene.server.drain({ deadlineMs: 400, ...target });
      if (amount % 4 === 0) drain.callOff();
      // What was drained takes connections again.
      return new Promise((resolve) => {
        this.#scene.whenSettled(drain.done, () => resolve(undefined));
      }).finally(() => {
        if (this.#scene.server.stats().state === "listening")
          this.#scene.server.resume();
      });
    });
  }

  /** Refusals are an answer as well. */
  #ask(what: string, ask: () => PromiseLike<unknown>): void {
    try {
      this.#note(what, ask());
    } catch {}
  }

  #note(what: string, promise: PromiseLike<unknown>): void {
    const key = `${what} (${++this.#operations})`;
    this.#pending.set(key, this.#scene.time.now);
    const settled = (): void => void this.#pending.delete(key);
    // Not awaited: time goes on as the steps say.
    this.#scene.whenSettled(promise, settled);
  }

  /** An open client, or one that is about to be. */
  #client(pick: number): Client | undefined {
    const open = this.clients.filter(
      ({ isOpen, status }) => isOpen || status === 0,
    );
    return pickBy(pick, open, ({ name }) => name);
  }
}

/** The one of all whose name goes best with the number: who else is there hardly matters. */
function pickBy<Value>(
  pick: number,
  values: readonly Value[],
  nameOf: (value: Value) => string,
): Value | undefined {
  let best: Value | undefined;
  let most = -1;
  for (const value of values) {
    const rank = new Draws(pick, nameOf(value)).next();
    if (rank > most) {
      most = rank;
      best = value;
    }
  }
  return best;
}

/** Options that lives are varied over. */
export function drawServerOptions(draws: Draws): ServerOptions {
  return {
    moveDeadlineMs: 150,
    trialMs: 20 + draws.below(2) * 200,
    closeDeadlineMs: 300,
    shutdownDeadlineMs: 1_000,
    shutdownDelayMs: draws.below(3) === 0 ? 200 : 0,
    closeRate: draws.pick(["unlimited", 200, 20]),
    highWaterMarkBytes: 16 * 1024,
    lowWaterMarkBytes: 4 * 1024,
    maxHandlersInFlight: 1 + draws.below(3),
    heartbeatIntervalMs: draws.below(2) * 500,
    pongDeadlineMs: 200,
    rebalancePercent: draws.below(3) === 0 ? 30 : 0,
  };
}
