import type { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import type { Config } from "../../config.ts";
import type { Handlers } from "../../handlers.ts";
import type {
  Listener,
  MainSurroundings,
  ServerAddress,
} from "../../main/surroundings.ts";
import type { SluiceServer } from "../../main/server-types.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { serveIn } from "../../serve.ts";
import type { ShardSurroundings } from "../../workers/surroundings.ts";
import type { Draws } from "./draws.ts";
import {
  adoptMemoryHandle,
  asSocketHandle,
  MemoryHandle,
} from "./memory-socket.ts";
import type { SimNetwork, Wire } from "./sim-network.ts";
import { SimPort } from "./sim-port.ts";
import { SimShardThread, type ThreadHost } from "./sim-shard-thread.ts";
import { SimThread, type Timeline } from "./sim-thread.ts";

/** What one simulated process needs. */
export interface InstanceOptions {
  readonly name: string;
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly network: SimNetwork;
  /** The handlers of a shard that starts. */
  readonly loadHandlers: (shard: number) => Promise<Handlers>;
}

/** A process with a whole server in it: main and shards, each in a simulated thread. */
export class SimInstance implements ThreadHost {
  readonly name: string;
  readonly main: SimThread;
  /** All threads that ever were, the dead among them. */
  readonly threads: SimShardThread[] = [];
  server: SluiceServer | undefined;
  readonly #options: InstanceOptions;
  #onSocket: ((handle: SocketHandle) => void) | undefined;
  #isListening = false;
  #channels = 0;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.name = options.name;
    this.main = new SimThread(
      `${options.name}/main`,
      options.timeline,
      options.draws.of("main"),
    );
  }

  get liveThreads(): readonly SimShardThread[] {
    return this.threads.filter(({ thread }) => !thread.isDead);
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Starts the server. */
  async start(config: Config): Promise<SluiceServer> {
    this.server = await this.main.enter(() =>
      serveIn(this.#surroundings(), config),
    );
    return this.server;
  }

  /** A client's connection arrives at the port. */
  accept({ handle, fromServer, toServer }: Wire): void {
    if (!this.#isListening || this.main.isDead) {
      // Connection refused.
      fromServer.reset();
      toServer.drop();
      return;
    }
    this.main.fromOutside(() => {
      if (this.#isListening) this.#onSocket?.(asSocketHandle(handle));
      else handle.resetPeer();
    }, 0);
  }

  threadEnded({ thread }: SimShardThread): void {
    this.#options.network.closeAllOf(thread);
    for (const port of this.#portsOf(thread)) port.abandon();
  }

  /** The whole process is gone at once. */
  crash(): void {
    for (const { thread } of this.liveThreads) {
      thread.die();
      this.#options.network.closeAllOf(thread);
    }
    this.main.die();
    this.#isListening = false;
  }

  readonly #ports = new Set<SimPort>();

  #portsOf(thread: SimThread): SimPort[] {
    return [...this.#ports].filter((port) => port.thread === thread);
  }

  #surroundings(): MainSurroundings {
    const { draws, network } = this.#options;
    return {
      startThread: (task, onMessage, _onDropped, onMalformed) => {
        const number = this.threads.length;
        const name = `${this.name}/shard ${task.shard} (${number})`;
        const thread = new SimThread(
          name,
          this.#options.timeline,
          draws.of(`thread ${number}`),
        );
        const shard = new SimShardThread(task, onMessage, onMalformed, {
          thread,
          host: this,
          surroundings: this.#shardSurroundings(thread, task.shard),
        });
        this.threads.push(shard);
        return shard;
      },
      createListener: (address, onSocket) => this.#listener(address, onSocket),
      createChannel: () => {
        const name = `${this.name}/channel ${this.#channels++}`;
        const { port1, port2 } = SimPort.pair([`${name}a`, `${name}b`], draws);
        this.#ports.add(port1).add(port2);
        return { port1, port2 } as unknown as {
          port1: MessagePort;
          port2: MessagePort;
        };
      },
      checkSockets: () => Promise.resolve(undefined),
      descriptorLimit: () => Infinity,
      connectToShard: (give) => {
        const wire = network.connect(
          draws.of(`self-test ${this.#channels++}`),
          "127.0.0.1",
        );
        const client = new MemoryHandle(wire.fromServer, wire.toServer, {
          remoteAddress: "127.0.0.1",
          draws: draws.of("self-test's client"),
        });
        give(asSocketHandle(wire.handle));
        return Promise.resolve(client.adopt(undefined) as Duplex);
      },
      loadNatsClient: () => Promise.reject(new Error("NATS is not simulated")),
      startSuccessor: () => {
        throw new Error("processes are not simulated");
      },
      predecessor: () => undefined,
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
      handle: undefined,
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
      clock: {
        now: monotonicNow,
        setTimeout: (callback, ms) => thread.setTimer(callback, ms),
        afterPoll: (callback) => void thread.setImmediate(callback),
        clearTimeout: (timer) => {
          if (timer !== undefined)
            (timer as { isCancelled: boolean }).isCancelled = true;
        },
      },
      loadHandlers: () => this.#options.loadHandlers(shard),
      adopt: adoptMemoryHandle,
      printed: () => Promise.resolve(true),
    };
  }
}
