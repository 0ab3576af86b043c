import { Draws } from "../../../src/testing/simulation/draws.ts";
import type { MemorySocket } from "../../../src/testing/simulation/memory-socket.ts";
import { Rare } from "../../../src/testing/simulation/rare.ts";
import {
  SimNetwork,
  type Wire,
} from "../../../src/testing/simulation/sim-network.ts";
import {
  SimThread,
  type Timeline,
} from "../../../src/testing/simulation/sim-thread.ts";
import type { Receiver } from "../../../src/testing/simulation/wire.ts";
import { type Act, type Ends, type Seen, Watched } from "./ends.ts";

/** A connection in a simulation, with the raw other end of it. */
export class MemoryEnds implements Ends, Timeline, Receiver {
  now = 1;
  wallOffsetMs = 0;
  readonly rare = new Rare(false);
  readonly isLoading = false;
  readonly #network: SimThread;
  readonly #server: SimThread;
  readonly #wire: Wire;
  readonly #socket: MemorySocket;
  readonly #watched = new Watched();
  #heard = 0;
  #end: Seen["end"] = "none";
  /** What the peer may still do. */
  #peerMay: "write" | "reset" | "nothing" = "write";

  constructor(seed: number) {
    const draws = new Draws(seed, "ends");
    this.#network = new SimThread("network", this, draws.of("network"));
    this.#server = new SimThread("server", this, draws.of("server"));
    this.#wire = new SimNetwork(this.#network, {
      roomBytes: 64 * 1024,
      latencyMs: [0.1, 3],
    }).connect(draws.of("wire"));
    const { fromServer, toServer, handle } = this.#wire;
    fromServer.receiver = this;
    fromServer.onRefused = () => toServer.reset();
    this.#socket = this.#server.enter(() =>
      handle.adopt(this.#watched.reading),
    );
    this.#server.enter(() => this.#watched.watch(this.#socket));
  }

  get seen(): Seen {
    const { events, read } = this.#watched;
    return { events: [...events], read, heard: this.#heard, end: this.#end };
  }

  travels(): void {}
  touched(): void {}

  threw(_thread: SimThread, error: unknown): void {
    throw error;
  }

  act(act: Act): void {
    const isServers = this.#server.enter(() =>
      this.#watched.act(this.#socket, act),
    );
    if (isServers) return;
    const { toServer, fromServer } = this.#wire;
    if (this.#end === "reset" || this.#peerMay === "nothing") return;
    if (act.does === "peer writes" && this.#peerMay === "write")
      toServer.send(Buffer.alloc(act.bytes, "p"));
    if (act.does === "peer ends" && this.#peerMay === "write") {
      this.#peerMay = "reset";
      toServer.end();
    }
    if (act.does !== "peer resets") return;
    this.#peerMay = "nothing";
    toServer.reset();
    fromServer.drop();
  }

  /** The peer reads whatever comes. */
  readable(): void {
    const { fromServer } = this.#wire;
    // Behind the end it reads no more, and hears of nothing.
    if (this.#end !== "none") return;
    if (fromServer.isReset) this.#end = "reset";
    else {
      for (;;) {
        const part = fromServer.read(Infinity);
        if (part === undefined) break;
        this.#heard += part.length;
      }
      if (fromServer.hasEnded) this.#end = "end";
    }
  }

  async settled(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      const [next] = [this.#network, this.#server]
        .filter(({ wakesAt }) => wakesAt !== undefined)
        .toSorted((one, other) => (one.wakesAt ?? 0) - (other.wakesAt ?? 0));
      if (next === undefined) return;
      this.now = Math.max(this.now, next.wakesAt ?? 0);
      next.step();
    }
  }

  async close(): Promise<void> {
    this.#server.enter(() => this.#socket.destroy());
    await this.settled();
  }
}
