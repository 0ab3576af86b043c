import type { ServerOptions } from "../config.ts";
import type { DrainTarget } from "../main/drain.ts";
import { inspectorCallBy } from "./inspector-calls.ts";
import { closeCodeOf, describeStep, nameBy, type Step } from "./life-steps.ts";
import type { Client } from "./scene-client.ts";
import type { Scene, SceneInstance, SceneProcess } from "./scene.ts";
import { Draws } from "./simulation/draws.ts";

/** What was begun has ended by then, or hangs; milliseconds. */
const LONG_MS = 30_000;

/** Plays the steps of a life, one after the other, in a scene. */
export class Life {
  readonly clients: Client[] = [];
  /** What was done so far, a sentence for each step. */
  readonly told: string[] = [];
  readonly #scene: Scene;
  readonly #pending = new Map<string, number>();
  #operations = 0;
  /** Those that were shut down, and it was not called off: nobody is let in any more. */
  readonly #over = new Set<SceneInstance>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async play(steps: readonly Step[]): Promise<void> {
    const { time } = this.#scene;
    for (const step of steps) {
      const instance = this.#instance(step.pick);
      if (instance === undefined) return;
      // One whose process was killed is about to be started again.
      await time.until(() => instance.processes.some(isServing), LONG_MS);
      await this.#do(step, instance);
      await time.advance(step.pause);
    }
  }

  /**
   * Faults have stopped: whatever was begun has to end now, and every shard has
   * to serve again.
   *
   * @throws Error that names what hangs
   */
  async recover(): Promise<void> {
    const { time, network, instances } = this.#scene;
    network.release();
    if (this.#isClustered) this.#scene.cluster.heal();
    const left = instances.filter((instance) => !this.#over.has(instance));
    // One that follows on a process that was killed may only be about to start.
    const haveStarted = (): boolean => left.every(hasStarted);
    await time.until(haveStarted, LONG_MS).catch(() => {});
    for (const instance of left)
      // What was drained when a shutdown came, and was called off, is drained still.
      if (isListening(instance)) instance.server.resume();
    const isWell = (): boolean =>
      this.#pending.size === 0 &&
      left.every(
        ({ server, processes, shards }) =>
          hasStarted({ server, processes }) &&
          processes.filter(isServing).length === 1 &&
          // Of a version that was given up no thread is left.
          shards.length === server.stats().shards.length &&
          server
            .stats()
            .shards.every(
              ({ state }) =>
                state === "serving.accepting" || state === "serving.draining",
            ),
      );
    try {
      await time.until(isWell, LONG_MS);
      if (this.#isClustered) await this.#knowEachOther(left);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("broken"))
        throw error;
      const states = left.flatMap(({ server, processes, shards }, place) => [
        `server ${place + 1} has ${processes.filter(isServing).length} processes that serve, of ${processes.length}, and ${shards.length} threads`,
        // One that has not come to start has nothing to say.
        ...(hasStarted({ server, processes }) ? server.stats().shards : []).map(
          ({ shard, state }) => `shard ${shard} is ${state}`,
        ),
      ]);
      throw new Error(
        `broken: once faults stop, everything gets on\n  after ${LONG_MS / 1000} s: ${[
          ...this.#pending.keys(),
        ]
          .map((what) => `${what} has not settled`)
          .concat(states)
          .join(", ")}`,
        { cause: error },
      );
    }
  }

  /** Nobody is missed, and nobody is thought to be there who is not: entries of the dead have expired by then. */
  async #knowEachOther(left: readonly SceneInstance[]): Promise<void> {
    const { time } = this.#scene;
    let known: readonly number[] = [];
    let isAsking = false;
    const ask = (): void => {
      if (isAsking) return;
      isAsking = true;
      const lists = left.map(({ server }) => server.instances());
      this.#scene.whenSettled(
        Promise.allSettled(lists).then((results) => {
          known = results.map((result) =>
            result.status === "fulfilled" ? result.value.length : -1,
          );
        }),
        () => (isAsking = false),
      );
    };
    const all = this.#scene.instances.reduce(
      (sum, { processes }) => sum + processes.filter(isServing).length,
      0,
    );
    try {
      await time.until(() => {
        ask();
        return (
          known.length === left.length && known.every((count) => count === all)
        );
      }, LONG_MS);
    } catch {
      throw new Error(
        `broken: once faults stop, the instances know each other\n  there are ${all}, and they know of ${known.join(", ")}`,
      );
    }
  }

  get #isClustered(): boolean {
    return this.#scene.instances.length > 1;
  }

  /** One that was not shut down. */
  #instance(pick: number): SceneInstance | undefined {
    const all = this.#scene.instances;
    const left = all.filter((instance) => !this.#over.has(instance));
    return pickBy(pick, left, (instance) => String(all.indexOf(instance)));
  }

  async #do(step: Step, instance: SceneInstance): Promise<void> {
    const { time, network } = this.#scene;
    const { server, shards, processes } = instance;
    const place = this.#scene.instances.indexOf(instance);
    const { does, amount, message } = step;
    const client = this.#client(step.pick);
    const shard = pickBy(step.pick, shards, ({ index }) => String(index));
    const name = does === "open" ? this.#newName(step.pick) : client?.name;
    this.told.push(
      describeStep(step, {
        client: name ?? "nobody",
        shard: shard?.index,
        instance: this.#isClustered ? place : undefined,
      }),
    );
    switch (does) {
      case "open":
        this.clients.push(
          this.#scene.connect(step.path, { name: name ?? "", instance: place }),
        );
        return;
      case "say":
        for (let count = 0; count < 1 + (amount % 5); count++)
          client?.send(message);
        return;
      case "close":
        client?.close(closeCodeOf(step));
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
            instance,
            { shard: shard.index, move: true, deadlineMs: 600 },
            amount,
          );
        return;
      case "rebalance":
        this.#ask("rebalance()", () => server.rebalance());
        return;
      case "drain":
        this.#drain(
          instance,
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
        if (!server.callOff()) this.#over.add(instance);
        return;
      }
      case "shutdown":
        this.#note("shutdown()", server.shutdown());
        this.#over.add(instance);
        return;
      case "upgrade":
        this.#ask("upgrade()", () => server.upgrade());
        return;
      case "kill":
        pickBy(step.amount, processes, ({ pid }) => String(pid))?.kill();
        // A supervisor starts it again, where it was the last.
        return;
      case "cut":
        if (this.#isClustered) this.#scene.cluster.cut(place);
        return;
      case "lose":
        if (this.#isClustered) this.#scene.cluster.lose(amount / 200);
        return;
      case "late":
        if (this.#isClustered) this.#scene.cluster.delay(amount / 200);
        return;
      case "nats-restart":
        if (this.#isClustered) this.#scene.cluster.restart(amount * 10);
        return;
      case "inspect":
        this.#inspect(step, instance);
    }
  }

  #inspect({ pick, amount }: Step, instance: SceneInstance): void {
    const { path, ...options } = inspectorCallBy(pick, amount);
    const answer = instance.inspect(path, options);
    // Whoever watches stays as long as he likes.
    if (options.leaveAfterMs === undefined)
      this.#note(`${options.method} ${path}`, answer);
  }

  #drain(instance: SceneInstance, target: DrainTarget, amount: number): void {
    const { server } = instance;
    this.#ask(`drain(${JSON.stringify(target)})`, () => {
      const drain = server.drain({ deadlineMs: 400, ...target });
      if (amount % 4 === 0) drain.callOff();
      // What was drained takes connections again.
      return new Promise((resolve) => {
        this.#scene.whenSettled(drain.done, () => resolve(undefined));
      }).finally(() => {
        if (isListening(instance)) server.resume();
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

  #newName(pick: number): string {
    const name = nameBy(pick);
    const again = this.clients.filter(
      (client) => client.name.replace(/'+$/, "") === name,
    );
    return name + "'".repeat(again.length);
  }

  /** An open client, or one that is about to be. */
  #client(pick: number): Client | undefined {
    const open = this.clients.filter(
      ({ isOpen, status }) => isOpen || status === 0,
    );
    return pickBy(pick, open, ({ name }) => name);
  }
}

function isServing(process: SceneProcess): boolean {
  return process.isServing;
}

type Serving = Pick<SceneInstance, "server" | "processes">;

/** The process that operators speak to has something to say. */
function hasStarted({ server, processes }: Serving): boolean {
  return processes.some(isServing) && "stats" in server;
}

function isListening(instance: Serving): boolean {
  return hasStarted(instance) && instance.server.stats().state === "listening";
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
    ...(draws.of("limits").chance(0.5) && {
      maxBufferedBytes: 48 * 1024,
      maxPayloadBytes: 8 * 1024,
    }),
    maxHandlersInFlight: 1 + draws.below(3),
    heartbeatIntervalMs: draws.below(2) * 500,
    pongDeadlineMs: 200,
    rebalancePercent: draws.below(3) === 0 ? 30 : 0,
    clusterHeartbeatMs: 1_000,
  };
}
