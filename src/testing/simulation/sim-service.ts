import type { Config } from "../../config.ts";
import type { StartedProcess } from "../../main/main-surroundings.ts";
import type { Draws } from "./draws.ts";
import { type ProcessHost, SimInstance } from "./sim-instance.ts";
import type { SimCaller } from "./sim-caller.ts";
import type { Wire } from "./sim-network.ts";
import { SimProcessChannel } from "./sim-process-channel.ts";
import type { SimThread } from "./sim-thread.ts";

/** Until a process that was started has come to run the server. */
const START_MS = [10, 80] as const;
/** Until a process hears that one it has started has ended. */
const EXIT_MS = [0.1, 3] as const;
/** A service that nobody serves any more is started again after so long. */
const SUPERVISOR_MS = 100;

/** What a service asks of its world. */
export interface ServiceHost extends Omit<
  ProcessHost,
  "startSuccessor" | "ended"
> {
  /** Another process has begun. */
  begun(process: SimInstance): void;
  tell(sentence: string): void;
}

/**
 * What clients know by one address: a process, and those that take its place,
 * one after the other. A supervisor starts it again when the last of them was
 * killed.
 */
export class SimService implements Pick<ProcessHost, "startSuccessor"> {
  readonly name: string;
  /** All that ever were, in the order in which they began. */
  readonly processes: SimInstance[] = [];
  readonly #config: Config;
  readonly #host: ServiceHost;
  readonly #draws: Draws;
  readonly #network: SimThread;
  /** It was told to end: nobody starts it again. */
  isOver = false;

  constructor(
    name: string,
    config: Config,
    host: ServiceHost,
    network: SimThread,
  ) {
    this.name = name;
    this.#config = config;
    this.#host = host;
    this.#draws = host.draws.of(name);
    this.#network = network;
  }

  /** Starts its first process, or one after the last was killed. */
  async start(): Promise<SimInstance> {
    const process = this.#begin();
    await process.start(this.#config);
    return process;
  }

  /** The process that operators speak to: the last that took over from another. */
  get current(): SimInstance {
    const first = this.processes.findLast(
      ({ isSuccessor }) => !isSuccessor,
    ) as SimInstance;
    let current = first;
    for (;;) {
      const { successor } = current;
      const hasLeft =
        current.wasKilled || current.server?.successor !== undefined;
      if (successor === undefined || !hasLeft) return current;
      // It is on its own, and about to say that it has started.
      if (successor.server === undefined && !current.wasKilled) return current;
      current = successor;
    }
  }

  get alive(): readonly SimInstance[] {
    return this.processes.filter(({ hasEnded }) => !hasEnded);
  }

  /** A client's connection arrives: whoever listens may take it. */
  accept(wire: Wire): void {
    const listening = this.processes.filter(({ isListening }) => isListening);
    if (listening.length === 0) {
      // Connection refused.
      wire.fromServer.reset();
      wire.toServer.drop();
      return;
    }
    const taker = this.#draws.pick(listening);
    taker.main.fromOutside(() => {
      if (taker.isListening) taker.accept(wire.handle);
      // It lies in the queue of a listening socket that several may share.
      else this.accept(wire);
    }, 0);
  }

  /** A call of the inspector arrives. */
  acceptCall(wire: Wire, caller: SimCaller): void {
    const inspected = this.processes.filter(({ isInspected }) => isInspected);
    if (inspected.length === 0) {
      // Connection refused.
      wire.fromServer.reset();
      wire.toServer.drop();
      return;
    }
    const taker = this.#draws.pick(inspected);
    taker.main.fromOutside(() => {
      if (taker.isInspected) taker.acceptCall(wire.handle, caller);
      else this.acceptCall(wire, caller);
    }, 0);
  }

  /** Ends a process at once, as the system does. */
  kill(process: SimInstance): void {
    this.#host.tell(`${process.name} is killed`);
    process.crash();
  }

  /** One that could not even be started is not tried again. */
  #supervise({ server, isSuccessor, wasKilled }: SimInstance): void {
    if (server === undefined && !isSuccessor && !wasKilled) return;
    this.#network.fromOutside(() => {
      if (this.isOver || this.alive.length > 0) return;
      this.#host.tell(`${this.name} is started again`);
      // Whoever needs to know looks at the process.
      this.start().catch(() => {});
    }, SUPERVISOR_MS);
  }

  startSuccessor(of: SimInstance): StartedProcess {
    if (of.hasEnded) throw new Error(`${of.name} has ended`);
    const child = this.#begin();
    const [near, far] = SimProcessChannel.pair(
      [of, child],
      this.#draws.of(`channel ${this.processes.length}`),
    );
    of.follow(child, near);
    child.startedBy(of, far);
    const exits = this.#draws.of(`exit ${this.processes.length}`);
    child.main.fromOutside(
      () => {
        // How it went, its end says.
        child.start(this.#config).catch(() => {});
      },
      exits.between(...START_MS),
    );
    return {
      pid: child.pid,
      get isConnected() {
        return near.isConnected;
      },
      send: (...given) => near.send(...given),
      onMessage: (listener) => near.onMessage(listener),
      onError: () => {},
      onExit: (listener) =>
        child.onEnd((status, signal) => {
          const tell = (): void =>
            void of.main.fromOutside(
              () => listener(status, signal),
              exits.between(...EXIT_MS),
            );
          const { rare } = of.main.timeline;
          if (rare.take("an end is heard before the last words", exits)) tell();
          else near.onGone(tell);
        }),
      kill: (signal) => {
        if (signal === "SIGKILL") child.crash();
        // How it went, `terminated` tells.
        else child.server?.shutdown({ reason: signal }).catch(() => {});
      },
      ref: () => {},
      unref: () => {},
    };
  }

  #begin(): SimInstance {
    const generation = this.processes.length + 1;
    const name =
      generation === 1 ? this.name : `${this.name}, process ${generation}`;
    const process = new SimInstance(name, {
      ...this.#host,
      draws: this.#host.draws.of(name),
      startSuccessor: (of) => this.startSuccessor(of),
    });
    this.processes.push(process);
    process.onEnd(() => this.#supervise(process));
    this.#host.begun(process);
    return process;
  }
}
