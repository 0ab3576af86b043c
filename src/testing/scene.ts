import type { SluiceServer } from "../index.ts";
import type { SimClient, ClientEnd } from "./simulation/sim-client.ts";
import type { SimInstance } from "./simulation/sim-instance.ts";
import type { World } from "./simulation/world.ts";

/** A client waits no longer than this for what it was promised; virtual time. */
const PATIENCE_MS = 60_000;

export interface OpenOptions {
  /** In the story; `client 1`, `client 2` … otherwise. */
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of an address of its own. */
  readonly address?: string;
}

/** A WebSocket client in a scene. */
export class Client {
  readonly #client: SimClient;
  readonly #world: World;
  #read = 0;

  constructor(client: SimClient, world: World) {
    this.#client = client;
    this.#world = world;
  }

  get name(): string {
    return this.#client.name;
  }

  /** All messages that it has read, as text. */
  get texts(): readonly string[] {
    return this.#client.texts;
  }

  /** Status of the answer to its upgrade; 0 until it has come. */
  get status(): number {
    return this.#client.status;
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  /** Sends a message; it is on its way when this returns. */
  send(data: string | Uint8Array): void {
    this.#client.send(data);
  }

  /** Sends the first half of a message, and never the rest. */
  sendHalf(text: string): void {
    this.#client.sendHalf(text);
  }

  /** Bytes as they are: for frames that break the protocol. */
  sendBytes(bytes: Uint8Array): void {
    this.#client.writeRudely(Buffer.from(bytes));
  }

  ping(): void {
    this.#client.ping();
  }

  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void {
    this.#client.close(code, reason);
  }

  /** Ends TCP without a close frame. */
  end(): void {
    this.#client.end();
  }

  /** Breaks TCP off, as when its process is killed. */
  reset(): void {
    this.#client.reset();
  }

  /** What is sent to it piles up. */
  stopReading(): void {
    this.#client.stopReading();
  }

  readOn(): void {
    this.#client.readOn();
  }

  /** It answers neither pings nor close frames any more. */
  mute(): void {
    this.#client.mute();
  }

  /**
   * The next message that it has not returned yet, as text.
   *
   * @throws Error when its connection ends first, or nothing comes in a minute
   *   of virtual time
   */
  async next(): Promise<string> {
    const client = this.#client;
    await this.#world.until(
      () => client.messages.length > this.#read || client.isOver,
      PATIENCE_MS,
    );
    const message = client.messages[this.#read];
    if (message === undefined)
      throw new Error(
        client.isOver
          ? `${client.name} waited for a message, and its connection ended with ${client.endSeen?.code ?? client.status}`
          : `${client.name} waited for a message, and none came in ${PATIENCE_MS / 1000} s`,
      );
    this.#read++;
    return message.data.toString();
  }

  /**
   * Waits for the end of its connection.
   *
   * @returns code and reason of the server's close frame; 1006 without one
   */
  async closed(): Promise<ClientEnd> {
    const client = this.#client;
    await this.#world.until(() => client.isOver, PATIENCE_MS);
    if (client.endSeen === undefined)
      throw new Error(
        `${client.name} is still connected after ${PATIENCE_MS / 1000} s`,
      );
    return client.endSeen;
  }
}

/** A shard in a scene. */
export interface SceneShard {
  readonly index: number;
  /** Its thread dies of an error that nobody catches. */
  crash(error?: Error): void;
  /** Its event loop stands still for so long, as in a handler that computes. */
  block(ms: number): void;
}

/** What a script has in its hands. */
export interface Scene {
  /** The server; promises of its methods let time pass while they are awaited. */
  readonly server: SluiceServer;
  readonly shards: readonly SceneShard[];
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

/** Makes a scene of a world with one server in it. */
export function makeScene(
  world: World,
  instance: SimInstance,
  seed: number,
): Scene {
  const begunAt = world.now;
  const connect = (path: string, options: OpenOptions = {}): SimClient =>
    world.connect(instance, { path, ...options });
  return {
    server: driven(world, instance),
    get shards() {
      return instance.liveThreads.map((shard): SceneShard => ({
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
    },
    time: {
      get now() {
        return world.now - begunAt;
      },
      advance: (ms) => world.advance(ms),
      until: async (condition, withinMs = PATIENCE_MS) => {
        if (!(await world.until(condition, withinMs)))
          throw new Error(
            `it did not come about within ${withinMs} ms: ${String(condition)}`,
          );
      },
      jump: (ms) => {
        world.wallOffsetMs += ms;
      },
    },
    network: {
      hold: () => {
        world.tell("the network stands still");
        for (const client of world.clients) client.wasHeld = true;
        world.network.hold();
      },
      release: () => world.network.release(),
    },
    story: world.story,
    seed,
    connect: (path, options) => new Client(connect(path, options), world),
    open: async (path, options) => {
      const client = connect(path, options);
      await world.until(
        () => client.status !== 0 || client.isOver,
        PATIENCE_MS,
      );
      if (client.status !== 101)
        throw new Error(
          client.status === 0
            ? `${client.name} was not answered`
            : `${client.name} was refused: the answer to ${path} was ${client.status}`,
        );
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

/** Methods of the server that belong into the story. */
const told: ReadonlySet<string> = new Set([
  "shutdown",
  "force",
  "callOff",
  "drain",
  "resume",
  "restartShard",
  "rebalance",
  "reload",
  "upgrade",
  "publish",
]);

function sentenceOf(method: string, given: readonly unknown[]): string {
  return `the operator calls ${method}(${given.map((each) => JSON.stringify(each)).join(", ")})`;
}

/** The server, called in its own thread; what it promises lets time pass. */
function driven(world: World, instance: SimInstance): SluiceServer {
  const server = instance.server as SluiceServer;
  return new Proxy(server, {
    get(target, key) {
      const value: unknown = instance.main.enter(() =>
        Reflect.get(target, key, target),
      );
      if (typeof value === "function")
        return (...given: unknown[]) => {
          if (told.has(String(key))) world.tell(sentenceOf(String(key), given));
          return promised(
            world,
            instance.main.enter(() => Reflect.apply(value, target, given)),
          );
        };
      return promised(world, value);
    },
  });
}

function promised(world: World, value: unknown): unknown {
  if (value instanceof Promise) return new DrivenPromise(world, value);
  if (typeof value === "object" && value !== null && "done" in value)
    return Object.assign(
      Object.create(Object.getPrototypeOf(value) as object),
      value,
      {
        done: promised(world, value.done),
      },
    );
  return value;
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
