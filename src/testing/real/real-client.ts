import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as secure } from "node:tls";
import { type ClientEvents, Speaker } from "../speaker.ts";

/** Where a client connects to, and from. */
export interface RealAddress {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  /** The client's own. */
  readonly localAddress?: string;
}

/** A client on a real socket. */
export class RealClient extends Speaker {
  /** Of its own, by which its connection is known to those who watch handlers. */
  readonly key = randomBytes(16).toString("base64");
  readonly #socket = new Socket();
  /** Undefined until it has begun to connect. */
  #stream: Duplex | undefined;
  #isReading = true;
  #hasEndedTcp = false;
  /** What it has done since its network was held. */
  #held: (() => void)[] | undefined;

  /** @param isHeld - Its network stands still from the beginning. */
  constructor(
    who: { name: string; path: string },
    address: RealAddress,
    events: ClientEvents,
    isHeld: boolean,
  ) {
    super(who, events);
    this.#held = isHeld ? [] : undefined;
    this.#act(() => this.#connect(address));
  }

  /** Nothing arrives any more, at either end. */
  hold(): void {
    this.#held ??= [];
    this.#stream?.pause();
  }

  /** What was held arrives. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const act of held) act();
    if (this.#isReading) this.#stream?.resume();
  }

  readOn(): void {
    this.#isReading = true;
    if (this.#held === undefined) this.#stream?.resume();
  }

  /** It goes, whatever is left of it. */
  discard(): void {
    this.#stream?.destroy();
    this.#socket.destroy();
  }

  protected write(bytes: Buffer): void {
    if (this.isOver || this.#hasEndedTcp) return;
    this.#act(() => this.#stream?.write(bytes));
  }

  protected drawMask(): Uint8Array {
    return randomBytes(4);
  }

  protected endTcp(): void {
    this.#hasEndedTcp = true;
    this.#act(() => this.#stream?.end());
  }

  protected resetTcp(): void {
    this.#act(() => this.#socket.resetAndDestroy());
  }

  protected holdReading(): void {
    this.#isReading = false;
    this.#stream?.pause();
  }

  #connect({ isSecure, ...address }: RealAddress): void {
    const socket = this.#socket.connect(address);
    this.#stream = isSecure
      ? // Whoever signs for it: it is the test's own server.
        secure({ socket, rejectUnauthorized: false })
      : socket;
    this.#stream.on("data", (part: Buffer) => this.take(part));
    for (const end of new Set([socket, this.#stream])) {
      end.once("close", () => this.over());
      // That it has ended is all there is to say of it.
      end.on("error", () => {});
    }
  }

  #act(act: () => void): void {
    if (this.#held === undefined) act();
    else this.#held.push(act);
  }
}
