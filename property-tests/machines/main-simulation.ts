import type { MessagePort } from "node:worker_threads";
import { resolveConfig } from "../../src/config.ts";
import type { ClusterEngine } from "../../src/main/cluster/engine.ts";
import { Server } from "../../src/main/server.ts";
import { start } from "../../src/main/startup.ts";
import type {
  Listener,
  MainSurroundings,
  ServerAddress,
  ShardThread,
  ThreadEnd,
} from "../../src/main/main-surroundings.ts";
import type {
  MainMessage,
  ShardMessage,
  ShardTask,
} from "../../src/protocol/messages.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";

export const SHUTDOWN_DEADLINE_MS = 8_000;
const config = resolveConfig({
  workers: 2,
  admin: false,
  handover: false,
  port: 8080,
  startDeadlineMs: 30_000,
  shutdownDelayMs: 2_000,
  shutdownDeadlineMs: SHUTDOWN_DEADLINE_MS,
  blockedAfterMs: 0,
  rebalancePercent: 0,
});

/** A thread that is only made up: it does nothing, and says what a walk makes it say. */
export class MadeUpThread implements ShardThread {
  readonly shard: number;
  readonly port = { postMessage() {} } as unknown as MessagePort;
  readonly ended: Promise<ThreadEnd>;
  end: ThreadEnd | undefined;
  wasKilled = false;
  isEnding = false;
  hasServed = false;
  hasTold = false;
  /** Of the shutdown that it was told of last, until that was called off. */
  deadline = Infinity;
  killedAt = Infinity;
  forcedAt = Infinity;
  /** When it had ended, or was given up. */
  endedAt = Infinity;
  readonly #clock: FakeClock;
  readonly #say: (message: ShardMessage) => void;
  readonly #end = Promise.withResolvers<ThreadEnd>();

  constructor(
    { shard }: Omit<ShardTask, "port">,
    clock: FakeClock,
    say: (message: ShardMessage) => void,
  ) {
    this.shard = shard;
    this.#clock = clock;
    this.#say = say;
    this.ended = this.#end.promise;
  }

  get gone(): Promise<unknown> {
    return this.ended;
  }

  get isGone(): boolean {
    return this.end !== undefined;
  }

  /** A thread that is gone says nothing any more. */
  say(message: ShardMessage): void {
    if (this.isGone) return;
    if (message.type === "ready" && !this.wasKilled) this.hasServed = true;
    if (message.type === "shutdown-notified") this.hasTold = true;
    this.#say(message);
  }

  post(message: MainMessage): void {
    if (message.type === "shutdown") this.deadline = message.plan.deadline;
    if (message.type === "call-off") this.deadline = Infinity;
    if (message.type === "force") this.forcedAt = this.#clock.now();
  }

  letEnd(): void {
    this.isEnding = true;
  }

  kill(): void {
    this.wasKilled = true;
    this.killedAt = Math.min(this.killedAt, this.#clock.now());
  }

  giveUp(): ThreadEnd {
    this.kill();
    return this.#stop({ error: undefined, wasKilled: true, isStuck: true });
  }

  /** It ends, of itself or because it was killed. */
  finish(): void {
    if (this.isGone) return;
    this.#stop({ error: undefined, wasKilled: this.wasKilled, isStuck: false });
  }

  #stop(end: ThreadEnd): ThreadEnd {
    this.end = end;
    this.endedAt = this.#clock.now();
    this.#end.resolve(end);
    return end;
  }
}

/**
 * Main in simulated time: the real server with all its parts, in front of
 * threads, a listener and other instances that are only made up.
 */
export class MainSimulation {
  readonly clock = new FakeClock(1_000_000);
  readonly server: Server;
  /** All that ever were, in the order in which they were started. */
  readonly threads: MadeUpThread[] = [];
  readonly looks: (() => void)[] = [];
  accepts = false;
  /** What the shards were last told to answer. */
  isReady = false;
  hasFailed = false;
  hasListened = false;
  reports = 0;
  endedAt = Infinity;
  #isClustered = false;
  #isPortTaken = false;
  #turn = Promise.withResolvers<boolean>();

  constructor() {
    this.server = new Server({
      config,
      tls: undefined,
      moveBlocker: undefined,
      handleFault: undefined,
      surroundings: this.#surroundings(),
      openInspector: undefined,
    });
    const { cluster, readiness, lifecycle } = this.server;
    // The other instances come and go by what a walk says.
    const isClustered = (): boolean => this.#isClustered;
    const engine: ClusterEngine = Object.create(cluster.engine, {
      isClustered: { get: isClustered },
      takeTurn: { value: () => this.#turn.promise },
      endTurn: { value: () => Promise.resolve() },
      stop: { value: () => Promise.resolve() },
    });
    Object.assign(cluster, { engine });
    const announce = readiness.announce.bind(readiness);
    readiness.announce = (isReady) => {
      this.isReady = isReady;
      announce(isReady);
    };
    const listening = lifecycle.listening.bind(lifecycle);
    lifecycle.listening = () => {
      this.hasListened = true;
      listening();
    };
    for (const method of ["fail", "failGently"] as const) {
      const fail = lifecycle[method].bind(lifecycle);
      lifecycle[method] = (error) => {
        this.hasFailed = true;
        fail(error);
      };
    }
    const conclude = this.server.conclude.bind(this.server);
    this.server.conclude = (report) => {
      this.reports++;
      this.endedAt = this.clock.now();
      return conclude(report);
    };
  }

  /** Begins the start; how it goes depends on the threads. */
  async begin(): Promise<void> {
    // How that went, the lifecycle knows.
    start(this.server, undefined).catch(() => {});
    await this.settle();
  }

  get state(): string {
    return this.server.lifecycle.machineState;
  }

  /** It has been asked to stop, or has failed, and nobody has called that off. */
  get isStopping(): boolean {
    return this.server.lifecycle.isStopping || this.state.includes("queueing");
  }

  /** Until then the stop under way may take. */
  get deadline(): number {
    return this.server.lifecycle.record.deadline;
  }

  /** The threads that have not ended, of a shard the last one started. */
  get liveThreads(): readonly MadeUpThread[] {
    return this.threads.filter(({ isGone }) => !isGone);
  }

  threadOf(shard: number): MadeUpThread | undefined {
    return this.liveThreads.findLast((thread) => thread.shard === shard);
  }

  /** Lets all that follows at once happen. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 2; turns++)
      await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes, and at each moment everything that follows happens. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    for (;;) {
      const next = Math.min(until, this.clock.nextDue);
      this.clock.advance(Math.max(0, next - this.clock.now()));
      await this.settle();
      if (next === until) return;
    }
  }

  async fail(): Promise<void> {
    const { lifecycle } = this.server;
    // A start fails by its threads, or by the port.
    if (lifecycle.state !== "starting")
      lifecycle.failGently(new Error("it cannot go on"));
    await this.settle();
  }

  /** Once the server is to listen, it cannot. */
  takePort(): void {
    this.#isPortTaken = true;
  }

  async shutDown(deadlineMs: number, isClustered = false): Promise<void> {
    this.#isClustered = isClustered;
    this.server.face.shutdown({ deadlineMs }).catch(() => {});
    await this.settle();
  }

  async grantTurn(): Promise<void> {
    this.#turn.resolve(true);
    this.#turn = Promise.withResolvers();
    await this.settle();
  }

  async force(): Promise<void> {
    this.server.face.force();
    await this.settle();
  }

  callOff(): boolean {
    return this.server.face.callOff();
  }

  #surroundings(): MainSurroundings {
    const never = (): never => {
      throw new Error("nobody asks for it here");
    };
    return {
      clock: this.clock,
      startThread: (task, onMessage) => {
        const thread = new MadeUpThread(task, this.clock, onMessage);
        this.threads.push(thread);
        return thread;
      },
      createListener: (address) => this.#listener(address),
      createChannel: () => ({
        port1: {} as MessagePort,
        port2: {} as MessagePort,
      }),
      checkSockets: () => Promise.resolve(undefined),
      checkHandles: () => Promise.resolve(undefined),
      descriptorLimit: () => Infinity,
      predecessor: () => undefined,
      notifySupervisor: () => {},
      connectToShard: never,
      loadNatsClient: never,
      startSuccessor: never,
      closeInherited: never,
    };
  }

  #listener({ host, port }: ServerAddress): Listener {
    const accepts = (): boolean => this.accepts;
    return {
      address: { host, port },
      handle: undefined,
      get isListening() {
        return accepts();
      },
      listen: () => {
        if (this.#isPortTaken && !this.hasListened)
          return Promise.reject(new Error("the port is taken"));
        this.accepts = true;
        return Promise.resolve();
      },
      takeOver: () => Promise.reject(new Error("nobody was there before")),
      suspend: () => {
        this.accepts = false;
      },
    };
  }
}
