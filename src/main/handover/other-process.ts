import { aside } from "../aside.ts";
import type { ConnectionSnapshot } from "../../protocol/handover-messages.ts";
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
  /** Either way, with a socket that was accepted after this process had begun to leave, or to go back. */
  | { type: "accepted"; number: number }
  /** Either way, with a connection's socket. The sender keeps it until it is received. */
  | { type: "connection"; snapshot: ConnectionSnapshot }
  /** It cannot be taken any more: it stays the sender's. */
  | { type: "refused"; number: number }
  /** The sender may let go of it. */
  | { type: "received"; number: number }
  /** The sender has let go of it: only now may it be read. */
  | { type: "yours"; number: number };

/** A socket on its way to the other process, which is still ours. */
interface Sent {
  readonly handle: SocketHandle | undefined;
  readonly settled: (isTaken: boolean) => void;
}

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
  readonly #admit: (handle: SocketHandle) => void;
  /** Sent, and not yet held by the other side: still ours. */
  readonly #sent = new Map<number, Sent>();
  /** Held for the other side, whose they are until it says otherwise; and how they are taken then. */
  readonly #held = new Map<number, () => void>();
  #isBroken = false;
  #isClosed = false;
  #onEmptied = Promise.withResolvers<void>();

  /**
   * @param choose - The shard for the next connection that comes.
   * @param admit - Takes a socket as if it were accepted here.
   */
  constructor(
    channel: OtherProcessChannel,
    relay: Relay,
    choose: () => Shard | undefined,
    admit: (handle: SocketHandle) => void,
  ) {
    this.#channel = channel;
    this.#relay = relay;
    this.#choose = choose;
    this.#admit = admit;
  }

  /** Sends a connection to the other process. */
  readonly forward: Forwarder = (moving, settled) => {
    const { snapshot, handle } = moving;
    if (this.#isBroken || handle === undefined) return settled(false);
    this.#sent.set(snapshot.number, { handle, settled });
    this.#send({ type: "connection", snapshot }, handle);
    return undefined;
  };

  /** Sends a socket that was just accepted; if it cannot be taken, it is admitted here. */
  pass(number: number, handle: SocketHandle): void {
    if (this.#isBroken) return this.#admit(handle);
    const settled = (isTaken: boolean): void => {
      if (!isTaken) this.#admit(handle);
    };
    this.#sent.set(number, { handle, settled });
    return this.#send({ type: "accepted", number }, handle);
  }

  /** Takes what the other process says of connections. */
  take(message: ProcessMessage, handle: SocketHandle | undefined): void {
    switch (message.type) {
      case "connection": {
        const { snapshot } = message;
        if (this.#isClosed) {
          aside(handle?.close(), "closing a socket");
          return this.#send({ type: "refused", number: snapshot.number });
        }
        return this.#hold(snapshot.number, () =>
          this.#relay.adopt({ snapshot, handle }, this.#choose),
        );
      }
      case "accepted": {
        const { number } = message;
        // It has gone in the meantime.
        if (handle === undefined) return this.#hold(number, () => {});
        if (this.#isClosed) {
          aside(handle.close(), "closing a socket");
          return this.#send({ type: "refused", number });
        }
        return this.#hold(number, () => this.#admit(handle));
      }
      case "received": {
        const sent = this.#sent.get(message.number);
        if (sent === undefined) return undefined;
        this.#sent.delete(message.number);
        aside(sent.handle?.close(), "closing a socket");
        sent.settled(true);
        return this.#send({ type: "yours", number: message.number });
      }
      case "refused":
        return this.#keep(message.number);
      case "yours": {
        const take = this.#held.get(message.number);
        if (take === undefined) return undefined;
        this.#held.delete(message.number);
        take();
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
    for (const take of this.#held.values()) take();
    this.#held.clear();
    this.#onEmptied.resolve();
  }

  #hold(number: number, take: () => void): void {
    this.#held.set(number, take);
    this.#send({ type: "received", number });
  }

  #send(
    message: ProcessMessage,
    handle?: SocketHandle,
    onSent?: () => void,
  ): void {
    if (this.#isBroken) return onSent?.();
    return this.#channel.send({ sluice: message }, handle, (error) => {
      onSent?.();
      if (error === null) return;
      if (message.type === "connection") this.#keep(message.snapshot.number);
      if (message.type === "accepted") this.#keep(message.number);
    });
  }

  /** One that was sent goes on living here. */
  #keep(number: number): void {
    const sent = this.#sent.get(number);
    this.#sent.delete(number);
    sent?.settled(false);
  }
}
