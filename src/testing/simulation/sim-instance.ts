import type { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import type { Config } from "../../config.ts";
import type { Handlers } from "../../handlers.ts";
import type { ShutdownReport } from "../../main/report.ts";
import type {
  Listener,
  ServerAddress,
  StartedProcess,
} from "../../main/main-surroundings.ts";
import type { TimeSource } from "../../main/patient-clock.ts";
import type { SluiceServer } from "../../main/server-types.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { serveIn, type Surroundings } from "../../serve.ts";
import type { ShardSurroundings } from "../../workers/shard-surroundings.ts";
import type { Draws } from "./draws.ts";
import {
  adoptMemoryHandle,
  asSocketHandle,
  MemoryHandle,
} from "./memory-socket.ts";
import { SimAdminListener } from "./sim-admin-listener.ts";
import type { SimCaller } from "./sim-caller.ts";
import type { SimNats } from "./sim-nats.ts";
import type { SimNetwork } from "./sim-network.ts";
import { SimPort } from "./sim-port.ts";
import type { ChannelOwner, SimProcessChannel } from "./sim-process-channel.ts";
import { SimShardThread, type ThreadHost } from "./sim-shard-thread.ts";
import { SimThread, type Timeline } from "./sim-thread.ts";

/** Of the processes, so many use sockets where others use the handles themselves. */
const STREAMS_SHARE = 0.3;
/** What a module that loads slowly takes. */
const SLOW_LOAD_MS = [20, 400] as const;

/** Processes that share it listen at one address; whoever takes it over does so, too. */
const LISTENING_SOCKET = {
  close: () => {},
  setNoDelay: () => 0,
} as unknown as SocketHandle;

/** What a simulated process asks of its world. */
export interface ProcessHost {
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly network: SimNetwork;
  /** NATS, where there is a cluster. */
  readonly nats: SimNats | undefined;
  /** The handlers of a shard that starts. */
  readonly loadHandlers: (shard: number) => Promise<Handlers>;
  /** A number that no other process has. */
  readonly takePid: () => number;
  /** Starts a process that is to take the place of this one. */
  startSuccessor(of: SimInstance): StartedProcess;
}

type EndListener = (status: number | null, signal: string | null) => void;

/** A process with a whole server in it: main and shards, each in a simulated thread. */
export class SimInstance implements ThreadHost, ChannelOwner {
  readonly name: string;
  readonly pid: number;
  readonly main: SimThread;
  /** All threads that ever were, the dead among them. */
  readonly threads: SimShardThread[] = [];
  server: SluiceServer | undefined;
  /** How it ended; `undefined` where that was not by its report. */
  report: ShutdownReport | undefined;
  /** It has been killed, with everything that it had. */
  wasKilled = false;
  hasEnded = false;
  endedAt = Infinity;
  /** Sockets that it had not closed when it ended by itself. */
  socketsLeft = 0;
  /** The process that was started to take its place, the last if there were several. */
  successor: SimInstance | undefined;
  readonly #host: ProcessHost;
  readonly #channels: SimProcessChannel[] = [];
  readonly #handles = new Set<MemoryHandle>();
  #predecessor: { of: SimInstance; channel: SimProcessChannel } | undefined;
  #onEnd: EndListener[] = [];
  #end: [status: number | null, signal: string | null] = [null, null];
  #onSocket: ((handle: SocketHandle) => void) | undefined;
  #isListening = false;
  #admin: SimAdminListener | undefined;
  #connections = 0;

  constructor(name: string, host: ProcessHost) {
    this.#host = host;
    this.name = name;
    this.pid = host.takePid();
    this.main = new SimThread(
      `${name}/main`,
      host.timeline,
      host.draws.of("main"),
      this,
    );
  }

  get lineage(): string {
    return this.#predecessor?.of.lineage ?? this.name;
  }

  get liveThreads(): readonly SimShardThread[] {
    return this.threads.filter(({ thread }) => !thread.isDead);
  }

  get isListening(): boolean {
    return this.#isListening && !this.hasEnded;
  }

  /** Its inspector can be called. */
  get isInspected(): boolean {
    return this.#admin?.isListening === true && !this.hasEnded;
  }

  get isSuccessor(): boolean {
    return this.#predecessor !== undefined;
  }

  get #openHandles(): number {
    return [...this.#handles].filter(({ isClosed }) => !isClosed).length;
  }

  /** Starts the server, and ends with it. */
  async start(config: Config): Promise<SluiceServer> {
    try {
      this.server = await this.main.enter(() =>
        serveIn(this.#surroundings(), config),
      );
    } catch (error) {
      this.#ends(1, null);
      throw error;
    }
    this.server.terminated.then(
      (report) => {
        this.report = report;
        this.#endsAfterSuccessor(0);
      },
      () => this.#endsAfterSuccessor(1),
    );
    return this.server;
  }

  /** A client's connection. */
  accept(handle: MemoryHandle): void {
    this.own(handle);
    this.#onSocket?.(asSocketHandle(handle));
  }

  /** A call of its inspector. */
  acceptCall(handle: MemoryHandle, caller: SimCaller): void {
    caller.taker = this;
    this.own(handle);
    this.#admin?.accept(handle);
  }

  own(handle: MemoryHandle): void {
    this.#handles.add(handle);
    this.#host.network.handles.add(handle);
    if (this.hasEnded) handle.abandon();
  }

  /** This one was started by another, to take its place. */
  startedBy(of: SimInstance, channel: SimProcessChannel): void {
    this.#predecessor = { of, channel };
    this.#channels.push(channel);
  }

  /** It has started another one, which is to take its place. */
  follow(successor: SimInstance, channel: SimProcessChannel): void {
    this.successor = successor;
    this.#channels.push(channel);
  }

  /** Tells how it ended, once it has. */
  onEnd(listener: EndListener): void {
    if (this.hasEnded) listener(...this.#end);
    else this.#onEnd.push(listener);
  }

  threadEnded({ thread }: SimShardThread): void {
    this.#host.network.closeAllOf(thread);
    for (const port of this.#portsOf(thread)) port.abandon();
  }

  /** The whole process is gone at once. */
  crash(): void {
    if (this.hasEnded) return;
    this.wasKilled = true;
    for (const { thread } of this.liveThreads) thread.die();
    this.main.die();
    this.#ends(null, "SIGKILL");
  }

  /** As the command line does: a process that was replaced ends with the one that replaced it. */
  #endsAfterSuccessor(status: number): void {
    const { successor, server } = this;
    if (successor === undefined || server?.successor === undefined)
      this.#ends(status, null);
    else successor.onEnd((last) => this.#ends(last ?? 1, null));
  }

  #ends(status: number | null, signal: string | null): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.endedAt = this.main.now;
    this.#end = [status, signal];
    this.#isListening = false;
    if (!this.wasKilled) this.socketsLeft = this.#openHandles;
    this.#host.nats?.processEnded(this);
    this.#admin?.abandon();
    for (const handle of this.#handles) handle.abandon();
    for (const channel of this.#channels) channel.break();
    for (const listener of this.#onEnd.splice(0)) listener(...this.#end);
  }

  readonly #ports = new Set<SimPort>();

  #portsOf(thread: SimThread): SimPort[] {
    return [...this.#ports].filter((port) => port.thread === thread);
  }

  #surroundings(): Surroundings {
    const { draws, network, timeline, nats } = this.#host;
    return {
      clock: clockOf(this.main),
      startThread: (task, onMessage, _onDropped, onMalformed) => {
        const number = this.threads.length;
        const name = `${this.name}/shard ${task.shard} (${number})`;
        const thread = new SimThread(
          name,
          timeline,
          draws.of(`thread ${number}`),
          this,
        );
        const shard = new SimShardThread(task, onMessage, onMalformed, {
          thread,
          host: this,
          surroundings: this.#shardSurroundings(thread, task.shard),
        });
        this.threads.push(shard);
        // What its main thread had begun to wait for may still come: of a dead process nothing starts.
        if (this.hasEnded) thread.die();
        return shard;
      },
      createListener: (address, onSocket) => this.#listener(address, onSocket),
      createAdminListener: (http) => {
        this.#admin = new SimAdminListener(http);
        return this.#admin;
      },
      createChannel: () => {
        const name = `${this.name}/channel ${this.#connections++}`;
        const { port1, port2 } = SimPort.pair([`${name}a`, `${name}b`], draws);
        this.#ports.add(port1).add(port2);
        return { port1, port2 } as unknown as {
          port1: MessagePort;
          port2: MessagePort;
        };
      },
      checkSockets: () => Promise.resolve(undefined),
      checkHandles: () =>
        Promise.resolve(
          process.env["NODE_SLUICE_TRANSPORT"] === "stream" ||
            draws.of("transport").chance(STREAMS_SHARE)
            ? "this process uses streams"
            : undefined,
        ),
      descriptorLimit: () => Infinity,
      connectToShard: (give) => {
        const wire = network.connect(
          draws.of(`self-test ${this.#connections++}`),
          "127.0.0.1",
        );
        const client = new MemoryHandle(wire.fromServer, wire.toServer, {
          remoteAddress: "127.0.0.1",
          draws: draws.of("self-test's client"),
        });
        this.own(wire.handle);
        give(asSocketHandle(wire.handle));
        return Promise.resolve(client.adopt(undefined) as Duplex);
      },
      loadNatsClient: () =>
        nats === undefined
          ? Promise.reject(new Error("there is no NATS in this simulation"))
          : Promise.resolve(nats.clientOf(this)),
      startSuccessor: () => this.#host.startSuccessor(this),
      predecessor: () => {
        const before = this.#predecessor;
        if (before === undefined) return undefined;
        const { of, channel } = before;
        return {
          pid: of.pid,
          get isConnected() {
            return channel.isConnected;
          },
          send: (...given) => channel.send(...given),
          onMessage: (listener) => channel.onMessage(listener),
          onGone: (listener) => channel.onGone(listener),
        };
      },
      closeInherited: () => {},
      notifySupervisor: () => {},
    };
  }

  #listener(
    { host, port }: ServerAddress,
    onSocket: (handle: SocketHandle) => void,
  ): Listener {
    this.#onSocket = onSocket;
    const setListening = (isListening: boolean): void => {
      this.#isListening = isListening;
    };
    const isListening = (): boolean => this.#isListening;
    return {
      address: { host, port: port === 0 ? 8080 : port },
      get isListening() {
        return isListening();
      },
      get handle() {
        return isListening() ? LISTENING_SOCKET : undefined;
      },
      listen: () => {
        setListening(true);
        return Promise.resolve();
      },
      takeOver: () => {
        setListening(true);
        return Promise.resolve();
      },
      suspend: () => setListening(false),
    };
  }

  #shardSurroundings(thread: SimThread, shard: number): ShardSurroundings {
    return {
      clock: clockOf(thread),
      loadHandlers: async () => {
        const { rare } = thread.timeline;
        if (rare.take("a module loads slowly", thread.draws))
          await new Promise<void>((resolve) => {
            thread.setTimer(resolve, thread.draws.between(...SLOW_LOAD_MS));
          });
        return await this.#host.loadHandlers(shard);
      },
      adopt: adoptMemoryHandle,
      measureLoad: () => thread.measureLoad(),
      printed: () => Promise.resolve(true),
    };
  }
}

/** The clock of a thread, as its world's time goes. */
function clockOf(thread: SimThread): TimeSource {
  return {
    now: monotonicNow,
    setTimeout: (callback, ms) => thread.setTimer(callback, ms),
    afterPoll: (callback) => void thread.setImmediate(callback),
    clearTimeout: (timer) => {
      if (timer !== undefined)
        (timer as { isCancelled: boolean }).isCancelled = true;
    },
  };
}
