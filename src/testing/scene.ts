import type { SluiceServer } from "../index.ts";
import {
  type AnswerOfInspector,
  type AskOptions,
  callOf,
  describeCall,
} from "./ask-options.ts";
import { Client } from "./scene-client.ts";
import type { SimCaller } from "./simulation/sim-caller.ts";
import type { SimClient } from "./simulation/sim-client.ts";
import type { SimInstance } from "./simulation/sim-instance.ts";
import type { SimService } from "./simulation/sim-service.ts";
import type { World } from "./simulation/world.ts";
import { sentenceOf } from "./story.ts";
import { PATIENCE_MS, untilItHolds, untilOpen } from "./waits.ts";

export interface OpenOptions {
  /** In the story; `client 1`, `client 2` … otherwise. */
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of an address of its own. */
  readonly address?: string;
  /** The instance that it connects to; 0. */
  readonly instance?: number;
}

/** A shard in a scene. */
export interface SceneShard {
  readonly index: number;
  /** Its thread dies of an error that nobody catches. */
  crash(error?: Error): void;
  /** Its event loop stands still for so long, as in a handler that computes. */
  block(ms: number): void;
}

/** A process in a scene: one at first, two while one takes the place of the other. */
export interface SceneProcess {
  readonly pid: number;
  /** It was started to take the place of another. */
  readonly isSuccessor: boolean;
  readonly shards: readonly SceneShard[];
  /** Its server has started, and has not ended. One that was replaced lives on until its successor ends. */
  readonly isServing: boolean;
  /** The system ends it at once. A service that is left without a process is started again. */
  kill(): void;
}

/** One instance of a cluster, through all processes that take each other's place. */
export interface SceneInstance {
  /** The server of the process that serves now; promises of its methods let time pass while they are awaited. */
  readonly server: SluiceServer;
  readonly shards: readonly SceneShard[];
  /** Those that live, in the order of their start. */
  readonly processes: readonly SceneProcess[];
  /**
   * Calls the API of its inspector, which has to be on (`server: { admin: true }`).
   *
   * @param path - As `/api/status`.
   * @throws Error when there is no answer: nobody listens, or the process has ended
   */
  readonly inspect: (
    path: string,
    options?: AskOptions,
  ) => PromiseLike<AnswerOfInspector>;
}

/** NATS, which links the instances of a scene. */
export interface SceneCluster {
  /** Nothing passes between an instance and NATS any more. */
  cut(instance?: number): void;
  /** All links are whole, and nothing is lost or late any more. */
  heal(): void;
  /** Of the messages between instances, so many are lost: 0 to 1. */
  lose(share: number): void;
  /** And so many come late. */
  delay(share: number): void;
  /** NATS ends, and comes back after so long without what it kept. */
  restart(downMs?: number): void;
}

/** What a script has in its hands. */
export interface Scene extends SceneInstance {
  /** All instances; the scene itself is the first. */
  readonly instances: readonly SceneInstance[];
  /** What is between them. @throws TypeError when there is only one */
  readonly cluster: SceneCluster;
  readonly time: {
    /** Milliseconds since the scene began. */
    readonly now: number;
    /** Lets time pass, with all that happens in it. */
    readonly advance: (ms: number) => Promise<void>;
    /** Until something holds. @throws Error when it does not within `withinMs` (60,000) */
    readonly until: (
      condition: () => boolean,
      withinMs?: number,
    ) => Promise<void>;
    /** Puts the wall clock forward, or back; timers do not notice. */
    readonly jump: (ms: number) => void;
  };
  readonly network: {
    /** Nothing arrives any more, at either end. */
    readonly hold: () => void;
    /** What was held arrives. */
    readonly release: () => void;
  };
  /** What has happened so far, in sentences. */
  readonly story: readonly string[];
  readonly seed: number;
  /** Connects, and resolves when the connection is open. @throws Error when it was refused */
  readonly open: (path: string, options?: OpenOptions) => Promise<Client>;
  /** Connects, and does not wait. */
  readonly connect: (path: string, options?: OpenOptions) => Client;
  /** Calls back when a promise of the server has settled, without waiting for it. */
  readonly whenSettled: (
    promise: PromiseLike<unknown>,
    settled: () => void,
  ) => void;
  /** Everything that is on its way arrives; no time passes for who waits for a timer. */
  readonly settle: () => Promise<void>;
}

/** Makes a scene of a world whose services have started. */
export function makeScene(world: World, seed: number): Scene {
  const begunAt = world.now;
  const connect = (
    path: string,
    { instance = 0, ...options }: OpenOptions = {},
  ): SimClient =>
    world.connect(instanceAt(world.services, instance), { path, ...options });
  const instances = world.services.map((service) =>
    sceneInstance(world, service),
  );
  const [first] = instances as [SceneInstance];
  return {
    server: first.server,
    get shards() {
      return first.shards;
    },
    get processes() {
      return first.processes;
    },
    inspect: first.inspect,
    instances,
    get cluster() {
      return sceneCluster(world);
    },
    time: {
      get now() {
        return world.now - begunAt;
      },
      advance: (ms) => world.advance(ms),
      until: (condition, withinMs = PATIENCE_MS) =>
        untilItHolds(world, condition, withinMs),
      jump: (ms) => {
        world.wallOffsetMs += ms;
      },
    },
    network: {
      hold: () => {
        world.tell("the network stands still");
        for (const each of [...world.clients, ...world.callers])
          each.wasHeld = true;
        world.network.hold();
      },
      release: () => world.network.release(),
    },
    story: world.story,
    seed,
    connect: (path, options) => new Client(connect(path, options), world),
    open: async (path, options) => {
      const client = connect(path, options);
      await untilOpen(world, client, PATIENCE_MS);
      return new Client(client, world);
    },
    whenSettled: (promise, settled) => {
      const inner = promise instanceof DrivenPromise ? promise.inner : promise;
      inner.then(settled, settled);
    },
    settle: async () => {
      await world.until(() => world.isSettled, PATIENCE_MS);
    },
  };
}

/** @throws RangeError when there is no such instance */
export function instanceAt<Instance>(
  instances: readonly Instance[],
  index: number,
): Instance {
  const instance = instances[index];
  if (instance === undefined)
    throw new RangeError(
      `there is no instance ${index}; there are ${instances.length}`,
    );
  return instance;
}

function sceneInstance(world: World, service: SimService): SceneInstance {
  return {
    server: driven(world, service),
    get shards() {
      return shardsOf(world, service.current);
    },
    get processes() {
      return service.alive.map((process): SceneProcess => ({
        pid: process.pid,
        isSuccessor: process.isSuccessor,
        get shards() {
          return shardsOf(world, process);
        },
        get isServing() {
          const state = process.server?.stats().state ?? "terminated";
          return state !== "terminated" && !process.hasEnded;
        },
        kill: () => service.kill(process),
      }));
    },
    inspect: (path, options) => {
      const call = callOf(path, options);
      world.tell(describeCall(call, service.name));
      return new DrivenPromise(world, answerOf(world.ask(service, call)));
    },
  };
}

/** @throws Error when none has come */
async function answerOf(caller: SimCaller): Promise<AnswerOfInspector> {
  const { asked, answer, end } = await caller.ended;
  if (answer === undefined || end === "cut")
    throw new Error(`${asked} was not answered: ${end}`);
  const { status, headers, body } = answer;
  return { status, headers, text: body.toString() };
}

function shardsOf(world: World, process: SimInstance): SceneShard[] {
  return process.liveThreads.map((shard) => ({
    index: shard.shard,
    crash: (error = new Error("crashed on purpose")) => {
      world.tell(`shard ${shard.shard} crashes`);
      shard.crash(error);
    },
    block: (ms) => {
      world.tell(`shard ${shard.shard} is blocked for ${ms} ms`);
      shard.thread.block(ms);
    },
  }));
}

function sceneCluster(world: World): SceneCluster {
  const { nats } = world;
  if (nats === undefined)
    throw new TypeError(
      "cluster: there is one instance only; simulate with { instances: 2 } or more",
    );
  return {
    cut: (instance = 0) => {
      const { alive, name } = instanceAt(world.services, instance);
      world.tell(`${name} is cut off from NATS`);
      for (const process of alive) nats.cut(process);
    },
    heal: () => {
      world.tell("NATS is whole again");
      nats.heal();
    },
    lose: (share) => {
      world.tell("messages between instances are lost");
      nats.lose(share);
    },
    delay: (share) => {
      world.tell("messages between instances come late");
      nats.delay(share);
    },
    restart: (downMs = 500) => {
      world.tell("NATS ends, and comes back");
      nats.restart(downMs);
    },
  };
}

/** The server that serves now, called in its own thread; what it promises lets time pass. */
function driven(world: World, service: SimService): SluiceServer {
  return new Proxy({} as SluiceServer, {
    get(_target, key) {
      const process = service.current;
      const { server } = process;
      if (server === undefined)
        throw new Error(`${process.name} has not started yet`);
      const value: unknown = process.main.enter(() =>
        Reflect.get(server, key, server),
      );
      if (typeof value === "function")
        return (...given: unknown[]) => {
          const whose = world.services.length > 1 ? ` of ${service.name}` : "";
          const sentence = sentenceOf(whose, key, given);
          if (sentence !== undefined) world.tell(sentence);
          if (key === "shutdown" || key === "force") service.isOver = true;
          const result = promised(
            world,
            process,
            process.main.enter(() => Reflect.apply(value, server, given)),
          );
          if (key === "callOff" && result === true) service.isOver = false;
          return result;
        };
      return promised(world, process, value);
    },
    // One that has not started yet has nothing.
    has: (_target, key) => key in (service.current.server ?? {}),
  });
}

function promised(world: World, process: SimInstance, value: unknown): unknown {
  if (value instanceof Promise)
    return new DrivenPromise(world, orKilled(process, value));
  if (typeof value === "object" && value !== null && "done" in value)
    return Object.assign(
      Object.create(Object.getPrototypeOf(value) as object),
      value,
      {
        done: promised(world, process, value.done),
      },
    );
  return value;
}

/** Of a process that was killed nothing comes any more. */
function orKilled<Value>(
  process: SimInstance,
  promise: Promise<Value>,
): Promise<Value> {
  const killed = new Promise<never>((_resolve, reject) => {
    process.onEnd((_status, signal) => {
      if (signal !== null)
        reject(new Error(`the process has ended with ${signal}`));
    });
  });
  return Promise.race([promise, killed]);
}

/** Lets time pass as soon as somebody waits for it. */
class DrivenPromise<Value> implements PromiseLike<Value> {
  readonly #world: World;
  readonly #promise: Promise<Value>;

  constructor(world: World, promise: Promise<Value>) {
    this.#world = world;
    this.#promise = promise;
    // Who never asks how it went need not catch it.
    promise.catch(() => {});
  }

  /** The promise itself: waiting for it lets no time pass. */
  get inner(): Promise<Value> {
    return this.#promise;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is one: waiting for it is what lets time pass
  then<Kept = Value, Caught = never>(
    kept?: ((value: Value) => Kept | PromiseLike<Kept>) | null,
    caught?: ((error: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Kept | Caught> {
    return this.#world.drive(this.#promise).then(kept, caught);
  }

  catch<Caught>(
    caught: (error: unknown) => Caught | PromiseLike<Caught>,
  ): Promise<Value | Caught> {
    return this.then(undefined, caught);
  }

  finally(done: () => void): Promise<Value> {
    return this.then((value) => value).finally(done);
  }
}
