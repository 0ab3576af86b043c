import { type ClientEvents, Speaker } from "../speaker.ts";
import type { Draws } from "./draws.ts";
import type { SimThread } from "./sim-thread.ts";
import type { Direction, Receiver } from "./wire.ts";

const READ_MS = [0.01, 1] as const;

/** A client in a simulation. Everything it does takes its time on the network. */
export class SimClient extends Speaker implements Receiver {
  readonly #toServer: Direction;
  readonly #fromServer: Direction;
  readonly #network: SimThread;
  readonly draws: Draws;
  #isReading = true;
  #isReadPending = false;
  #hasEndedTcp = false;
  /** When it sent its close frame. */
  closedAt = Infinity;
  /** The network was held while it was connected: whoever waited for it may have given up. */
  wasHeld = false;

  constructor(
    who: { name: string; path: string },
    wires: { toServer: Direction; fromServer: Direction },
    network: SimThread,
    draws: Draws,
    events: ClientEvents,
  ) {
    super(who, events);
    this.#toServer = wires.toServer;
    this.#fromServer = wires.fromServer;
    this.#network = network;
    this.draws = draws;
    wires.fromServer.receiver = this;
    wires.fromServer.onRefused = () => wires.toServer.reset();
  }

  /** RFC 6455, 1.3; any key does, where the answer is not checked. */
  protected get key(): string {
    return "dGhlIHNhbXBsZSBub25jZQ==";
  }

  override close(code?: number, reason?: string): void {
    super.close(code, reason);
    this.closedAt = Math.min(this.closedAt, this.#network.now);
  }

  readOn(): void {
    this.#isReading = true;
    this.readable();
  }

  readable(): void {
    const { isReset } = this.#fromServer;
    if (this.#isReadPending || this.isOver) return;
    if (!isReset && !(this.#isReading && this.#fromServer.isReadable)) return;
    this.#isReadPending = true;
    this.#network.fromOutside(
      () => {
        this.#isReadPending = false;
        this.#read();
      },
      this.draws.between(...READ_MS),
    );
  }

  protected write(bytes: Buffer): void {
    if (!this.isOver && !this.#hasEndedTcp) this.#toServer.send(bytes);
  }

  protected drawMask(): Uint8Array {
    return this.draws.bytes(4);
  }

  protected endTcp(): void {
    this.#hasEndedTcp = true;
    this.#toServer.end();
  }

  protected resetTcp(): void {
    this.#toServer.reset();
    this.#fromServer.drop();
  }

  protected holdReading(): void {
    this.#isReading = false;
  }

  #read(): void {
    const wire = this.#fromServer;
    if (this.isOver) return;
    if (wire.isReset) {
      this.over();
      return;
    }
    if (!this.#isReading) return;
    wire.join();
    const part = wire.read(Infinity);
    if (part !== undefined) this.take(part);
    else if (wire.hasEnded) {
      this.#toServer.end();
      this.over();
      return;
    }
    this.readable();
  }
}
