import type { Draws } from "./draws.ts";
import { MemoryHandle } from "./memory-socket.ts";
import type { SimThread } from "./sim-thread.ts";
import { Direction, type WireOptions } from "./wire.ts";

/** The two ends of a simulated TCP connection. */
export interface Wire {
  readonly handle: MemoryHandle;
  readonly toServer: Direction;
  readonly fromServer: Direction;
}

/** The network between clients and servers, and the kernels' parts of it. */
export class SimNetwork {
  readonly thread: SimThread;
  readonly #options: WireOptions;
  readonly handles = new Set<MemoryHandle>();
  #connections = 0;

  constructor(thread: SimThread, options: WireOptions) {
    this.thread = thread;
    this.#options = options;
  }

  /** A TCP connection, whose server's end nobody has yet. */
  connect(
    draws: Draws,
    remoteAddress = `10.0.0.${1 + (this.#connections++ % 250)}`,
    roomBytes = this.#options.roomBytes,
  ): Wire {
    const options = { ...this.#options, roomBytes };
    const direction = (name: string): Direction =>
      new Direction(this.thread, draws.of(name), options);
    const toServer = direction("to server");
    const fromServer = direction("from server");
    const handle = new MemoryHandle(toServer, fromServer, {
      remoteAddress,
      draws: draws.of("server's end"),
    });
    this.handles.add(handle);
    return { handle, toServer, fromServer };
  }

  /** Nothing arrives any more, at either end. */
  hold(): void {
    for (const { incoming, outgoing } of this.handles) {
      incoming.hold();
      outgoing.hold();
    }
  }

  release(): void {
    for (const { incoming, outgoing } of this.handles) {
      incoming.release();
      outgoing.release();
    }
  }

  /** Closes what a dead thread had open. */
  closeAllOf(thread: SimThread): void {
    for (const handle of this.handles)
      if (handle.thread === thread) handle.abandon();
  }
}
