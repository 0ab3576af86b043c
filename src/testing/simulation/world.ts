import {
  type Config,
  resolveConfig,
  type ServerOptions,
} from "../../config.ts";
import type { Handlers } from "../../handlers.ts";
import type { ClientEvents } from "../speaker.ts";
import { Draws } from "./draws.ts";
import type { Life } from "./law.ts";
import { Monitor } from "./monitor.ts";
import type { InspectorCall } from "./http-exchange.ts";
import { SimCaller } from "./sim-caller.ts";
import { SimClient } from "./sim-client.ts";
import type { SimInstance } from "./sim-instance.ts";
import { SimNats } from "./sim-nats.ts";
import { Rare } from "./rare.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimService } from "./sim-service.ts";
import { currentThread, SimThread, type Timeline } from "./sim-thread.ts";
import {
  installVirtualGlobals,
  settle,
  uninstallVirtualGlobals,
} from "./virtual-globals.ts";

/** Nothing takes longer, in virtual time. */
const PATIENCE_MS = 60_000;
/** The wall clock jumps by so much at most. */
const JUMP_MS = 3_600_000;
/** Virtual time begins here, so that no time is 0. */
const BEGIN_MS = 1_000;

export interface WorldOptions {
  readonly seed: number;
  readonly server: ServerOptions;
  /** So many services, linked by NATS; 1 is by itself. */
  readonly instances?: number;
  /** Makes happen what seldom does; off. */
  readonly rareBranches?: boolean;
  /** Makes the handlers of a shard that starts. */
  readonly loadHandlers: (shard: number) => Promise<Handlers>;
  /** Bytes that one direction of a connection holds before its sender waits. */
  readonly roomBytes?: number;
  /** What the network takes from end to end; milliseconds. */
  readonly latencyMs?: readonly [number, number];
}

export interface ConnectOptions {
  readonly path: string;
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
}

/** Somebody waits until this holds. */
interface Waiting {
  readonly isDone: () => boolean;
  readonly giveUpAt: number;
  readonly resolve: (isDone: boolean) => void;
}

/**
 * Servers, clients and the network between them, in one thread, in virtual
 * time. Nothing happens by itself: the world turns while somebody waits.
 */
export class World implements Timeline, ClientEvents {
  now = BEGIN_MS;
  wallOffsetMs = 0;
  readonly draws: Draws;
  readonly rare: Rare;
  readonly network: SimNetwork;
  /** Processes, all that ever were. */
  readonly instances: SimInstance[] = [];
  readonly services: SimService[] = [];
  readonly nats: SimNats | undefined;
  #pids = 1_000;
  readonly #jumps: Draws;
  readonly clients: SimClient[] = [];
  /** Calls of inspectors. */
  readonly callers: SimCaller[] = [];
  readonly story: string[] = [];
  /** What threw where nobody caught it, outside of shards. */
  readonly uncaught: unknown[] = [];
  steps = 0;
  /** Of everything that happened, in order: the same seed gives the same. */
  #trace = 0x811c9dc5;
  readonly #networkThread: SimThread;
  readonly #clients = new WeakMap<object, SimClient>();
  readonly monitor: Monitor;
  #waiting: Waiting[] = [];
  #isTurning = false;
  #loading = 0;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.draws = new Draws(options.seed, "world");
    this.#jumps = this.draws.of("jumps");
    this.rare = new Rare(options.rareBranches ?? false);
    this.#networkThread = new SimThread(
      "network",
      this,
      this.draws.of("network"),
    );
    this.network = new SimNetwork(this.#networkThread, {
      roomBytes: options.roomBytes ?? 64 * 1024,
      latencyMs: options.latencyMs ?? [0.1, 3],
    });
    this.nats =
      (options.instances ?? 1) > 1
        ? new SimNats(this.#networkThread, this.draws.of("nats"))
        : undefined;
    this.monitor = new Monitor(
      ({ incoming }) => this.#clients.get(incoming),
      () => this.now,
    );
    installVirtualGlobals();
    process.on("unhandledRejection", this.#onRejection);
  }

  get hash(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, "0");
  }

  /** Starts all services, each with one process. */
  async start(): Promise<void> {
    const { instances = 1, server } = this.#options;
    const config = resolveConfig({
      port: 0,
      ...server,
      ...(instances > 1 && { nats: ["nats://nats.test:4222"] }),
    });
    for (let count = 1; count <= instances; count++) {
      const service = new SimService(
        `server ${count}`,
        config,
        {
          timeline: this,
          draws: this.draws,
          network: this.network,
          nats: this.nats,
          loadHandlers: (shard) => this.#load(shard),
          takePid: () => this.#pids++,
          begun: (process) => void this.instances.push(process),
          tell: (sentence) => this.tell(sentence),
        },
        this.#networkThread,
      );
      this.services.push(service);
    }
    const starts = this.services.map((service) => service.start());
    await this.drive(Promise.all(starts), 60_000);
  }

  /** A client connects and asks for the upgrade. */
  connect(
    service: SimService,
    { path, name, headers, address }: ConnectOptions,
  ): SimClient {
    const called = name ?? `client ${this.clients.length + 1}`;
    const draws = this.draws.of(called);
    const wire = this.network.connect(draws, address);
    const client = new SimClient(
      { name: called, path },
      wire,
      this.#networkThread,
      draws,
      this,
    );
    this.clients.push(client);
    this.#clients.set(wire.toServer, client);
    this.tell(`${called} connects to ${path}`);
    this.#networkThread.fromOutside(
      () => service.accept(wire),
      draws.between(0.1, 2),
    );
    client.upgrade(headers);
    return client;
  }

  /** The inspector of a service is asked. */
  ask(service: SimService, call: InspectorCall): SimCaller {
    const name = `caller ${this.callers.length + 1}`;
    const draws = this.draws.of(name);
    // How long an answer is, chance does not depend on: it has paths and figures of the machine.
    const wire = this.network.connect(draws, "127.0.0.1", Infinity);
    const caller = new SimCaller(call, wire, this.#networkThread, draws);
    this.callers.push(caller);
    this.#networkThread.fromOutside(
      () => service.acceptCall(wire, caller),
      draws.between(0.1, 2),
    );
    return caller;
  }

  travels(handle: { readonly incoming: object }): void {
    const client = this.#clients.get(handle.incoming);
    if (client === undefined) return;
    this.monitor.departs(client);
    if (client.isOver) return;
    const { rare } = this;
    if (rare.take("a handle closes while it travels", client.draws))
      this.#networkThread.fromOutside(() => client.reset(), 0);
  }

  tell(sentence: string): void {
    this.story.push(sentence);
    this.#mix(sentence);
  }

  get isLoading(): boolean {
    return this.#loading > 0;
  }

  touched(thread: SimThread, complaint: string): void {
    this.monitor.faults.push({
      law: "nothing real is touched",
      what: `${thread.name}: ${complaint}`,
    });
  }

  threw(thread: SimThread, error: unknown): void {
    for (const instance of this.instances)
      for (const shard of instance.threads)
        if (shard.thread === thread) return shard.crash(error);
    this.uncaught.push(error);
    return undefined;
  }

  /** Nothing is on its way any more; timers may be waiting. */
  get isSettled(): boolean {
    for (const thread of this.#threads()) if (thread.isBusy) return false;
    return true;
  }

  /**
   * Every service that was not told to end yet is shut down; resolves when no
   * process is left, or when the time is up.
   */
  async endServices(): Promise<void> {
    this.network.release();
    this.nats?.heal();
    const hasCome = ({ current, isOver }: SimService): boolean =>
      current.hasEnded
        ? isOver || !current.wasKilled
        : current.server !== undefined;
    await this.until(() => this.services.every(hasCome), PATIENCE_MS);
    for (const service of this.services) {
      service.isOver = true;
      const { main, server } = service.current;
      // How it went, `terminated` tells.
      main.enter(() => server?.shutdown())?.catch(() => {});
    }
    await this.until(
      () => this.instances.every(({ hasEnded }) => hasEnded),
      PATIENCE_MS,
    );
  }

  /** What the server's end has set off comes to its end as well. */
  async calm(): Promise<void> {
    for (const client of this.clients) client.readOn();
    await this.until(() => this.isSettled, 10_000);
  }

  /** All there is to hold against the laws. */
  describeLife(config: Config): Life {
    const timersLeft = this.instances.flatMap(({ main, threads }) =>
      [main, ...threads.map(({ thread }) => thread)].flatMap(
        ({ name, timers }) =>
          timers.map(
            ({ due }) => `in ${name}, due in ${Math.round(due - this.now)} ms`,
          ),
      ),
    );
    const { monitor, clients, callers, instances, uncaught, nats } = this;
    const reports = instances
      .map(({ report }) => report)
      .filter((report) => report !== undefined);
    return {
      config,
      monitor,
      clients,
      callers,
      instances,
      reports,
      uncaught,
      timersLeft,
      nats,
    };
  }

  /** The world turns until this holds; resolves with `false` when it did not within so much virtual time. */
  until(isDone: () => boolean, withinMs = 60_000): Promise<boolean> {
    if (isDone()) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ isDone, giveUpAt: this.now + withinMs, resolve });
    if (!this.#isTurning) void this.#turn();
    return promise;
  }

  /** Virtual time passes. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    this.#networkThread.fromOutside(() => {}, ms);
    await this.until(() => this.now >= until, ms + 1);
  }

  /** The world turns until the promise has settled. */
  async drive<Value>(
    promise: Promise<Value>,
    withinMs = 600_000,
  ): Promise<Value> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    if (!(await this.until(() => isSettled, withinMs)))
      throw new Error(
        `nothing has come of it after ${withinMs} ms of virtual time`,
      );
    return await promise;
  }

  /** One thing happens. @returns whether anything was left to happen */
  step(): boolean {
    let next: SimThread | undefined;
    let at = Infinity;
    for (const thread of this.#threads()) {
      const wakesAt = thread.wakesAt ?? Infinity;
      if (wakesAt < at) {
        at = wakesAt;
        next = thread;
      }
    }
    if (next === undefined) return false;
    this.now = Math.max(this.now, at);
    this.steps++;
    if (this.rare.take("the wall clock jumps", this.#jumps))
      this.wallOffsetMs += this.#jumps.between(-JUMP_MS, JUMP_MS);
    this.#mix(`${next.name} ${this.now}`);
    next.step();
    this.monitor.measure(next);
    return true;
  }

  end(): void {
    process.off("unhandledRejection", this.#onRejection);
    uninstallVirtualGlobals();
  }

  /** Modules are loaded in real time, for which virtual time stands still. */
  async #load(shard: number): Promise<Handlers> {
    this.#loading++;
    try {
      return this.monitor.watch(await this.#options.loadHandlers(shard));
    } finally {
      this.#loading--;
    }
  }

  /** A rejection that nobody heard ends the thread it happened in, as in Node. */
  readonly #onRejection = (error: unknown): void => {
    const thread = currentThread();
    if (thread?.timeline === this) this.threw(thread, error);
  };

  *#threads(): Iterable<SimThread> {
    yield this.#networkThread;
    for (const instance of this.instances) {
      yield instance.main;
      for (const { thread } of instance.threads)
        if (!thread.isDead) yield thread;
    }
  }

  async #turn(): Promise<void> {
    this.#isTurning = true;
    // Who has begun to wait may have begun more than this.
    await settle();
    while (this.#waiting.length > 0) {
      while (this.#loading > 0) await settle();
      const isOver = !this.step();
      await settle();
      const still: Waiting[] = [];
      let hasWoken = false;
      for (const waiting of this.#waiting) {
        const isDone = waiting.isDone();
        if (isDone || isOver || this.now > waiting.giveUpAt) {
          hasWoken = true;
          waiting.resolve(isDone);
        } else still.push(waiting);
      }
      this.#waiting = still;
      // Who was woken decides what happens next, before anything else does.
      if (hasWoken) await settle();
    }
    this.#isTurning = false;
  }

  #mix(text: string): void {
    let state = this.#trace;
    for (let at = 0; at < text.length; at++)
      state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
    this.#trace = state;
  }
}
