import type { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import type {
  MainMessage,
  ShardMessage,
  ShardTask,
} from "../protocol/messages.ts";
import type { SocketHandle } from "../protocol/socket-handle.ts";
import type { NatsClient, NatsOptions } from "./cluster/nats-client.ts";
import type { TimeSource } from "./patient-clock.ts";
import type { DroppedLines } from "./thread-output.ts";

/** Where the server is reached. */
export interface ServerAddress {
  host: string;
  port: number;
}

/** How a shard's thread ended. */
export interface ThreadEnd {
  /** Undefined when the thread ended by itself, as after a shutdown. */
  readonly error: unknown;
  readonly wasKilled: boolean;
  /** It was killed, and is still there: a native call of a handler has not returned. */
  readonly isStuck: boolean;
}

/** A thread with a shard in it, as main sees it. */
export interface ShardThread {
  readonly port: MessagePort;
  /** Resolves when the thread is gone for certain, or was given up. */
  readonly ended: Promise<ThreadEnd>;
  /** How it ended, once it has. */
  readonly end: ThreadEnd | undefined;
  /** Resolves when the thread is gone. */
  readonly gone: Promise<unknown>;
  /** It was told to end, and need not have heard it yet. */
  readonly wasKilled: boolean;
  /** It was let end: a shutdown cannot be called off for it. */
  readonly isEnding: boolean;
  post(message: MainMessage, transfer?: MessagePort[]): void;
  /** Lets the thread end, as it has asked to: nothing is given to it any more. */
  letEnd(): void;
  /** The last resort: ends the thread, whatever it does. */
  kill(): void;
  /** Waits no longer for a thread that was killed and did not end. */
  giveUp(): ThreadEnd;
}

/** What accepts TCP. */
export interface Listener {
  /** With port 0: the port that the system chose, once it listens. */
  readonly address: ServerAddress;
  /** Accepts, or is about to. */
  readonly isListening: boolean;
  /** The listening socket, to be shared with another process. */
  readonly handle: SocketHandle | undefined;
  /**
   * Starts to accept.
   *
   * @throws SluiceError `ERR_SLUICE_LISTEN` when the address cannot be had.
   */
  listen(): Promise<void>;
  /** Starts to accept with the listening socket of another process. */
  takeOver(inherited: ServerAddress & { handle: SocketHandle }): Promise<void>;
  /** Stops to accept; sockets already accepted live on. */
  suspend(): void;
}

/**
 * Opens a connection of the server's own to a shard.
 *
 * @param give - Hands the server's side of it to the shard.
 * @returns the client's side, connected
 */
export type ConnectToShard = (
  give: (handle: SocketHandle) => void,
  isSecure: boolean,
  signal: AbortSignal,
) => Promise<Duplex>;

/** This end of the channel to another process. */
export interface ProcessChannel {
  readonly isConnected: boolean;
  /** @param handle - A socket, of which the other process gets one of its own. */
  send(
    message: object,
    handle: SocketHandle | undefined,
    onSent: (error: Error | null) => void,
  ): void;
  onMessage(listener: (message: unknown, handle: unknown) => void): void;
}

/** A process that was started to take the place of this one. */
export interface StartedProcess extends ProcessChannel {
  /** `undefined` when it could not be started. */
  readonly pid: number | undefined;
  onError(listener: (error: Error) => void): void;
  /** @param listener - Told of the status, or of the signal that has ended it. */
  onExit(
    listener: (status: number | null, signal: string | null) => void,
  ): void;
  kill(signal: NodeJS.Signals): void;
  /** This process does not end before it. */
  ref(): void;
  /** Neither it nor the channel to it holds this process back. */
  unref(): void;
}

/** The process that has started this one, to take its place. */
export interface StartingProcess extends ProcessChannel {
  readonly pid: number;
  /** Tells once that it has gone, at once if it has. */
  onGone(listener: () => void): void;
}

/**
 * What main asks of the world it lives in: Node's (`node-surroundings.ts`), or
 * that of a simulation.
 */
export interface MainSurroundings {
  readonly clock: TimeSource;
  /**
   * Starts a thread with a shard in it.
   *
   * @param onDropped - Told of what it printed and nobody is going to read.
   * @param onMalformed - Told of what it said that is no message.
   */
  startThread(
    task: Omit<ShardTask, "port">,
    onMessage: (message: ShardMessage) => void,
    onDropped: (dropped: DroppedLines) => void,
    onMalformed: (what: string) => void,
  ): ShardThread;
  createListener(
    config: ServerAddress & { readonly backlog: number },
    onSocket: (handle: SocketHandle) => void,
    onAcceptError: (error: Error) => void,
  ): Listener;
  /** For two shards. */
  createChannel(): { port1: MessagePort; port2: MessagePort };
  /** @returns why live connections cannot be moved here, in one sentence */
  checkSockets(): Promise<string | undefined>;
  /** @returns why connections cannot be read and written by their handles here, in one sentence */
  checkHandles(): Promise<string | undefined>;
  /** Descriptors that the process may have; `Infinity` where that is not known. */
  descriptorLimit(): number;
  /** For the self-test of a new shard. */
  readonly connectToShard: ConnectToShard;
  /**
   * The client of NATS, once a cluster wants it.
   *
   * @throws SluiceError `ERR_SLUICE_CLUSTER` when it cannot be had.
   */
  readonly loadNatsClient: (
    options: NatsOptions,
    name: string,
  ) => Promise<NatsClient>;
  /** Starts whatever is on disk by now, to take the place of this process. */
  readonly startSuccessor: () => StartedProcess;
  /** The process that has started this one to take its place, if one has; asked once, before shards start. */
  readonly predecessor: () => StartingProcess | undefined;
  /** Closes the connections that this process was born with, as far as they were accepted on these ports. */
  readonly closeInherited: (ports: readonly number[]) => unknown;
  /** Tells whoever has started this process that it serves. */
  readonly notifySupervisor: (onFailure: (error: Error) => void) => void;
}
