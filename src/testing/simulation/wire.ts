import type { Draws } from "./draws.ts";
import { Pipe } from "./pipe.ts";
import type { SimThread } from "./sim-thread.ts";

/** What the two kernels and the network between them hold of one direction, at most. */
export interface WireOptions {
  /** Bytes that one direction holds before its sender has to wait. */
  readonly roomBytes: number;
  /** The way from one end to the other takes between these; milliseconds. */
  readonly latencyMs: readonly [number, number];
}

/** Of a write that is taken in part, the rest follows after so long. */
const REST_MS = [1, 20] as const;

/** Who sits at the end of a direction. */
export interface Receiver {
  /** Something can be read: bytes, the end, or a reset. */
  readable(): void;
}

/**
 * One direction of a TCP connection: what was sent comes out at the other end
 * later, in order, cut as it pleases; at most so many bytes are on their way or
 * waiting to be read, and who sends more waits.
 */
export class Direction {
  readonly #options: WireOptions;
  readonly #draws: Draws;
  readonly #network: SimThread;
  readonly #pipe: Pipe;
  #receiver: Receiver | undefined;
  #arrived: Buffer[] = [];
  #heldBytes = 0;
  #unsent: { bytes: Buffer; taken: (() => void) | undefined }[] = [];
  #endAsked: (() => void) | undefined;
  #isDropped = false;
  hasEnded = false;
  isReset = false;
  /** Bytes have come for somebody who does not read any more: a kernel answers with a reset. */
  onRefused: () => void = () => {};

  constructor(network: SimThread, draws: Draws, options: WireOptions) {
    this.#network = network;
    this.#pipe = new Pipe(network);
    this.#draws = draws;
    this.#options = options;
  }

  get receiver(): Receiver | undefined {
    return this.#receiver;
  }

  set receiver(receiver: Receiver | undefined) {
    this.#receiver = receiver;
  }

  /** Bytes that the sender's kernel has not taken. */
  get unsentBytes(): number {
    return this.#unsent.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** There is something to read. */
  get isReadable(): boolean {
    return this.#arrived.length > 0 || this.hasEnded || this.isReset;
  }

  get hasBytes(): boolean {
    return this.#arrived.length > 0;
  }

  /**
   * Sends, as far as there is room; the rest follows when there is.
   *
   * @param taken - Called when all of it was taken; at once where there is room.
   */
  send(bytes: Buffer, taken?: () => void): void {
    if (this.isReset) return taken?.();
    this.#unsent.push({ bytes: Buffer.from(bytes), taken });
    return this.#push();
  }

  /** Ends the direction behind what was sent. */
  end(done: () => void = () => {}): void {
    this.#endAsked = done;
    this.#push();
  }

  /** What is not sent never arrives; the other end is told of a reset, behind what is on its way. */
  reset(): void {
    this.#unsent = [];
    this.#endAsked = undefined;
    this.#later(() => {
      // What has arrived before can still be read, as in Linux.
      this.isReset = true;
      this.#receiver?.readable();
    });
  }

  /** Nobody reads any more: what comes falls away. */
  drop(): void {
    this.#isDropped = true;
    this.#receiver = undefined;
    this.#arrived = [];
    this.#heldBytes = 0;
    const waiting = this.#unsent;
    this.#unsent = [];
    for (const { taken } of waiting) taken?.();
  }

  /** Takes at most so many of the bytes that have arrived. */
  read(limit: number): Buffer | undefined {
    const first = this.#arrived[0];
    if (first === undefined) return undefined;
    const part = first.subarray(0, Math.max(1, limit));
    if (part.length === first.length) this.#arrived.shift();
    else this.#arrived[0] = first.subarray(part.length);
    this.#heldBytes -= part.length;
    this.#push();
    return part;
  }

  /** All that has arrived lies in one piece, as in a kernel. */
  join(): void {
    if (this.#arrived.length > 1)
      this.#arrived = [Buffer.concat(this.#arrived)];
  }

  /** What the sender's kernel has not taken is lost with the sender's thread. */
  loseUnsent(): void {
    this.#unsent = [];
  }

  hold(): void {
    this.#pipe.hold();
  }

  release(): void {
    this.#pipe.release();
  }

  #push(): void {
    for (;;) {
      const first = this.#unsent[0];
      if (first === undefined) break;
      let room = this.#options.roomBytes - this.#heldBytes;
      if (room <= 0 && first.bytes.length > 0) return;
      if (this.#isTakenInPart(first.bytes)) {
        room = Math.min(room, 1 + this.#draws.below(first.bytes.length - 1));
        this.#network.fromOutside(
          () => this.#push(),
          this.#draws.between(...REST_MS),
        );
      }
      const part = first.bytes.subarray(0, room);
      this.#heldBytes += part.length;
      if (part.length > 0) this.#carry(part);
      if (part.length < first.bytes.length) {
        first.bytes = first.bytes.subarray(part.length);
        return;
      }
      this.#unsent.shift();
      first.taken?.();
    }
    const done = this.#endAsked;
    if (done === undefined) return;
    this.#endAsked = undefined;
    this.#later(() => {
      this.hasEnded = true;
      this.#receiver?.readable();
    });
    done();
  }

  #isTakenInPart({ length }: Buffer): boolean {
    const { rare } = this.#network.timeline;
    return length > 1 && rare.take("a write is taken in part", this.#draws);
  }

  #carry(part: Buffer): void {
    this.#later(() => {
      if (this.isReset) return;
      if (this.#isDropped) {
        this.#heldBytes -= part.length;
        this.#push();
        return this.onRefused();
      }
      this.#arrived.push(part);
      return this.#receiver?.readable();
    });
  }

  #later(arrive: () => void): void {
    this.#pipe.send(arrive, this.#draws.between(...this.#options.latencyMs));
  }
}
