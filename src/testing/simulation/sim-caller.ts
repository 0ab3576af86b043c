import type { Draws } from "./draws.ts";
import {
  type HttpAnswer,
  type InspectorCall,
  readAnswer,
  requestOf,
} from "./http-exchange.ts";
import type { Wire } from "./sim-network.ts";
import type { SimThread, ThreadHome } from "./sim-thread.ts";
import type { Receiver } from "./wire.ts";

const READ_MS = [0.01, 1] as const;

/** The process that takes a call, as far as the laws ask about it. */
export interface CallTaker extends ThreadHome {
  readonly hasEnded: boolean;
  readonly endedAt: number;
  readonly server: { readonly successor: unknown } | undefined;
  /** How it ended; `undefined` where that was not by its report. */
  readonly report: object | undefined;
}

/**
 * How a call has ended: with its answer; as nobody listened; as whoever had
 * taken it broke it off; as the caller left.
 */
export type CallEnd = "pending" | "answered" | "refused" | "cut" | "left";

/** Somebody who calls the inspector's API once, on a connection of its own. */
export class SimCaller implements Receiver {
  readonly call: InspectorCall;
  readonly sentAt: number;
  /** The process whose listener has taken it. */
  taker: CallTaker | undefined;
  end: CallEnd = "pending";
  endedAt = Infinity;
  answer: HttpAnswer | undefined;
  /** The network stood still while it waited. */
  wasHeld = false;
  /** What came is no HTTP. */
  fault: string | undefined;
  readonly #wire: Wire;
  readonly #network: SimThread;
  readonly #draws: Draws;
  readonly #onEnd: ((caller: SimCaller) => void)[] = [];
  #bytes = Buffer.alloc(0);
  #isReadPending = false;

  constructor(
    call: InspectorCall,
    wire: Wire,
    network: SimThread,
    draws: Draws,
  ) {
    this.call = call;
    this.sentAt = network.now;
    this.#wire = wire;
    this.#network = network;
    this.#draws = draws;
    wire.fromServer.receiver = this;
    wire.fromServer.onRefused = () => wire.toServer.reset();
    const request = requestOf(call);
    if (call.breaksOff === true) {
      wire.toServer.send(request.subarray(0, request.length / 2));
      network.fromOutside(() => this.#leave(), 1 + draws.below(20));
    } else wire.toServer.send(request);
    if (call.leaveAfterMs !== undefined)
      network.fromOutside(() => this.#leave(), call.leaveAfterMs);
  }

  /** As `GET /api/status`. */
  get asked(): string {
    return `${this.call.method} ${this.call.path}`;
  }

  get ended(): Promise<SimCaller> {
    return new Promise((resolve) => {
      if (this.end === "pending") this.#onEnd.push(resolve);
      else resolve(this);
    });
  }

  readable(): void {
    if (this.#isReadPending || this.end !== "pending") return;
    if (!this.#wire.fromServer.isReadable) return;
    this.#isReadPending = true;
    this.#network.fromOutside(
      () => {
        this.#isReadPending = false;
        this.#read();
      },
      this.#draws.between(...READ_MS),
    );
  }

  #read(): void {
    const wire = this.#wire.fromServer;
    if (this.end !== "pending") return;
    wire.join();
    const part = wire.read(Infinity);
    if (part !== undefined) {
      this.#bytes = Buffer.concat([this.#bytes, part]);
      this.#understand();
    } else if (wire.hasEnded || wire.isReset) {
      this.#over(this.#howItEnded(wire.isReset));
      return;
    }
    this.readable();
  }

  #understand(): void {
    try {
      this.answer = readAnswer(this.#bytes, this.call.method);
    } catch (error) {
      this.fault ??= (error as Error).message;
    }
  }

  #howItEnded(isReset: boolean): CallEnd {
    if (this.answer?.isWhole === true) return "answered";
    return isReset && this.taker === undefined ? "refused" : "cut";
  }

  #leave(): void {
    if (this.end !== "pending") return;
    this.#wire.toServer.reset();
    this.#wire.fromServer.drop();
    this.#over("left");
  }

  #over(end: CallEnd): void {
    this.end = end;
    this.endedAt = this.#network.now;
    if (end !== "left") this.#wire.toServer.end();
    for (const told of this.#onEnd.splice(0)) told(this);
  }
}
