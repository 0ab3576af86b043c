import { deserialize, serialize } from "node:v8";
import type { ProcessChannel } from "../../main/main-surroundings.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import type { Draws } from "./draws.ts";
import { asSocketHandle, MemoryHandle } from "./memory-socket.ts";
import type { SimThread } from "./sim-thread.ts";

/** How long a message between two processes is under way. */
const LATENCY_MS = [0.05, 2] as const;

/** What the end of a channel is told of its process. */
export interface ChannelOwner {
  readonly main: SimThread;
  /** Takes a socket that has come from another process. */
  own(handle: MemoryHandle): void;
}

/**
 * An end of the channel between two processes, as `process.send` is one: what
 * is sent is serialized, comes in order, and a socket that goes with it is the
 * other one's as well from then on.
 */
export class SimProcessChannel implements ProcessChannel {
  readonly #owner: ChannelOwner;
  readonly #draws: Draws;
  // oxlint-disable-next-line no-unused-private-class-members -- used through the class, which the rule does not see
  #other!: SimProcessChannel;
  #listeners: ((message: unknown, handle: unknown) => void)[] = [];
  #onGone: (() => void)[] = [];
  #lastDue = 0;
  #isConnected = true;

  constructor(owner: ChannelOwner, draws: Draws) {
    this.#owner = owner;
    this.#draws = draws;
  }

  /** Two ends that belong together. */
  static pair(
    owners: readonly [ChannelOwner, ChannelOwner],
    draws: Draws,
  ): readonly [SimProcessChannel, SimProcessChannel] {
    const one = new SimProcessChannel(owners[0], draws.of("one end"));
    const other = new SimProcessChannel(owners[1], draws.of("other end"));
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  send(
    message: object,
    handle: SocketHandle | undefined,
    onSent: (error: Error | null) => void,
  ): void {
    const isSent = this.#isConnected;
    const { main } = this.#owner;
    main.fromOutside(
      () => onSent(isSent ? null : new Error("the channel is closed")),
      0.01,
    );
    // Anything that is shared cannot leave the process: this throws, as Node does.
    if (isSent) this.#other.#take(deserialize(serialize(message)), handle);
  }

  onMessage(listener: (message: unknown, handle: unknown) => void): void {
    this.#listeners.push(listener);
  }

  /** Tells once that the other process has gone, at once if it has. */
  onGone(listener: () => void): void {
    if (this.#isConnected) this.#onGone.push(listener);
    else listener();
  }

  /** Its process has ended: the other end hears so, behind what was sent before. */
  break(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#other.#schedule(() => this.#other.#disconnect());
  }

  #disconnect(): void {
    this.#isConnected = false;
    for (const listener of this.#onGone.splice(0)) listener();
  }

  #take(message: unknown, given: SocketHandle | undefined): void {
    const handle = duplicate(given);
    if (handle instanceof MemoryHandle) this.#owner.own(handle);
    this.#schedule(() => {
      const passed =
        handle instanceof MemoryHandle ? asSocketHandle(handle) : handle;
      for (const listener of this.#listeners) listener(message, passed);
    });
  }

  #schedule(arrive: () => void): void {
    const { main } = this.#owner;
    const due = Math.max(
      main.now + this.#draws.between(...LATENCY_MS),
      this.#lastDue,
    );
    this.#lastDue = due;
    main.fromOutside(arrive, due - main.now);
  }
}

/** A socket is duplicated on its way; the listening one is shared as it is. */
function duplicate(
  handle: SocketHandle | undefined,
): MemoryHandle | SocketHandle | undefined {
  const memory = handle as unknown as MemoryHandle | SocketHandle | undefined;
  return memory instanceof MemoryHandle ? memory.duplicate() : memory;
}
