import { aside } from "../aside.ts";
import type {
  ConnectionSnapshot,
  MovingConnection,
} from "../../protocol/handover-messages.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import type { ServerAddress } from "../main-surroundings.ts";
import type { Shard } from "../shards/shard.ts";
import type { Tally } from "./version-comparison.ts";
import type { Forwarder, Relay } from "./relay.ts";

/**
 * What two processes say to each other while one takes over from the other.
 * Each message travels as `{ sluice: ProcessMessage }`, so that it is told from
 * whatever else a process may send.
 */
export type ProcessMessage =
  /** New to old: it is there. */
  | { type: "hello" }
  /** Old to new, with the listening socket: connections are numbered from here on. */
  | {
      type: "take-over";
      firstNumber: number;
      host: string;
      port: number;
      /** Where the connections of this process and of those before were accepted. */
      ports: readonly number[];
    }
  /** New to old: its shards serve, it accepts. */
  | { type: "ready" }
  /** New to old: it does not take over, and is gone within this time; what it can it gives back before. */
  | { type: "failed"; why: string; withinMs: number }
  /** Old to new, again and again: how the connections fare that have stayed. */
  | { type: "tally"; tally: Tally }
  /** Old to new: all that could come has come. */
  | { type: "sent" }
  /** New to old: that lives on its shards. */
  | { type: "landed" }
  /** Old to new, with the inspector's listening socket if there is one: it is on its own. */
  | { type: "committed"; admin: ServerAddress | undefined }
  /** Old to new: it was asked to stop, and what it has handed over stops with it. */
  | { type: "stop"; reason: string; deadlineMs: number | undefined }
  /** Old to new: what is left is forced. */
  | { type: "force" }
  /** Either way, with a connection's socket. The sender keeps it until it is received. */
  | { type: "connection"; snapshot: ConnectionSnapshot }
  /** It cannot be taken any more: it stays the sender's. */
  | { type: "refused"; number: number }
  /** The sender may let go of it. */
  | { type: "received"; number: number }
  /** The sender has let go of it: only now may it be read. */
  | { type: "yours"; number: number };

/** One end of the channel between two processes. */
export interface OtherProcessChannel {
  send(
    message: { sluice: ProcessMessage },
    handle: SocketHandle | undefined,
    onSent: (error: Error | null) => void,
  ): void;
}

/**
 * Sends connections to another process, and takes those that come from it. Each
 * has exactly one owner at any moment: the sender, until it has heard that the
 * other side holds it and has closed its own handle; then the other side. If
 * one process dies, the other goes on with all that it still owns or holds.
 */
export class OtherProcess {
  readonly #channel: OtherProcessChannel;
  readonly #relay: Relay;
  readonly #choose: () => Shard | undefined;
  /** Sent, and not yet held by the other side: still ours. */
  readonly #sent = new Map<
    number,
    { moving: MovingConnection; settled: (isTaken: boolean) => void }
  >();
  /** Held for the other side, whose they are until it says otherwise. */
  readonly #held = new Map<number, MovingConnection>();
  #isBroken = false;
  #isClosed = false;
  #onEmptied = Promise.withResolvers<void>();

  /** @param choose - The shard for the next connection that comes. */
  constructor(
    channel: OtherProcessChannel,
    relay: Relay,
    choose: () => Shard | undefined,
  ) {
    this.#channel = channel;
    this.#relay = relay;
    this.#choose = choose;
  }

  /** Sends a connection to the other process. */
  readonly forward: Forwarder = (moving, settled) => {
    const { snapshot, handle } = moving;
    if (this.#isBroken || handle === undefined) return settled(false);
    this.#sent.set(snapshot.number, { moving, settled });
    this.#send({ type: "connection", snapshot }, handle);
    return undefined;
  };

  /** Takes what the other process says of connections. */
  take(message: ProcessMessage, handle: SocketHandle | undefined): void {
    switch (message.type) {
      case "connection": {
        const { snapshot } = message;
        if (this.#isClosed) {
          aside(handle?.close(), "closing a socket");
          return this.#send({ type: "refused", number: snapshot.number });
        }
        this.#held.set(snapshot.number, { snapshot, handle });
        return this.#send({ type: "received", number: snapshot.number });
      }
      case "received": {
        const sent = this.#sent.get(message.number);
        if (sent === undefined) return undefined;
        this.#sent.delete(message.number);
        aside(sent.moving.handle?.close(), "closing a socket");
        sent.settled(true);
        return this.#send({ type: "yours", number: message.number });
      }
      case "refused":
        return this.#keep(message.number);
      case "yours": {
        const moving = this.#held.get(message.number);
        if (moving === undefined) return undefined;
        this.#held.delete(message.number);
        this.#relay.adopt(moving, this.#choose);
        if (this.#held.size === 0) this.#onEmptied.resolve();
        return undefined;
      }
      case "hello":
      case "take-over":
      case "ready":
      case "failed":
      case "tally":
      case "sent":
      case "landed":
      case "committed":
      case "stop":
      case "force":
        return undefined;
    }
  }

  /** @param onSent - Called when it has left, or never will. */
  say(
    message: ProcessMessage,
    handle?: SocketHandle,
    onSent?: () => void,
  ): void {
    this.#send(message, handle, onSent);
  }

  /** Nothing is taken from now on, but what is held already. */
  close(): void {
    this.#isClosed = true;
    this.#onEmptied = Promise.withResolvers<void>();
  }

  /** Once it is closed: resolves when nothing is held any more. */
  async emptied(): Promise<void> {
    if (this.#held.size > 0) await this.#onEmptied.promise;
  }

  /** The other process is gone. */
  broken(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    for (const { settled } of this.#sent.values()) settled(false);
    this.#sent.clear();
    // It can own nothing any more.
    for (const moving of this.#held.values())
      this.#relay.adopt(moving, this.#choose);
    this.#held.clear();
    this.#onEmptied.resolve();
  }

  #send(
    message: ProcessMessage,
    handle?: SocketHandle,
    onSent?: () => void,
  ): void {
    if (this.#isBroken) return onSent?.();
    return this.#channel.send({ sluice: message }, handle, (error) => {
      onSent?.();
      if (error !== null && message.type === "connection")
        this.#keep(message.snapshot.number);
    });
  }

  /** One that was sent goes on living here. */
  #keep(number: number): void {
    const sent = this.#sent.get(number);
    this.#sent.delete(number);
    sent?.settled(false);
  }
}
