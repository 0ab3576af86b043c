import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { SluiceError } from "../../errors.ts";
import {
  acceptHandles,
  type SocketHandle,
} from "../../protocol/socket-handle.ts";
import type { Listener, ServerAddress } from "../main-surroundings.ts";
import { listeningHandleOf, listenWith } from "../../protocol/socket-handle.ts";

/**
 * Accepts TCP. It can stop accepting and start again on the same port: while
 * it is suspended the operating system refuses, so load balancers and clients
 * notice at once.
 */
export class TcpListener implements Listener {
  readonly #server: Server;
  readonly #backlog: number;
  #address: ServerAddress;
  #isWanted = false;
  /** Finding the address takes a turn of the event loop, in which nothing is listened to yet. */
  #starting: Promise<void> | undefined;

  constructor(
    { host, port, backlog }: ServerAddress & { backlog: number },
    onSocket: (handle: SocketHandle) => void,
    onAcceptError: (error: Error) => void,
  ) {
    this.#address = { host, port };
    this.#backlog = backlog;
    this.#server = createServer({ pauseOnConnect: true });
    acceptHandles(this.#server, (handle) => {
      handle.setNoDelay(true);
      onSocket(handle);
    });
    // One socket that could not be accepted, for want of memory or descriptors,
    // must not end those that were.
    this.#server.on("error", (error) => {
      if (this.#starting === undefined) onAcceptError(error);
    });
  }

  /** With port 0: the port that the system chose, once it listens. */
  get address(): ServerAddress {
    return this.#address;
  }

  /** Accepts, or is about to. */
  get isListening(): boolean {
    return this.#isWanted;
  }

  /**
   * Starts to accept.
   *
   * @throws SluiceError `ERR_SLUICE_LISTEN` when the address cannot be had.
   */
  listen(): Promise<void> {
    this.#isWanted = true;
    return (this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
      // Suspended while it started.
      if (!this.#isWanted) this.#server.close();
    }));
  }

  /** The listening socket, to be shared with another process. */
  get handle(): SocketHandle | undefined {
    return listeningHandleOf(this.#server);
  }

  /** Starts to accept with the listening socket of another process. */
  async takeOver({
    handle,
    ...address
  }: ServerAddress & { handle: SocketHandle }): Promise<void> {
    this.#isWanted = true;
    this.#address = address;
    const listening = once(this.#server, "listening");
    listenWith(this.#server, handle, this.#backlog);
    await listening;
  }

  /** Stops to accept; sockets already accepted live on. */
  suspend(): void {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    if (this.#starting === undefined) this.#server.close();
  }

  async #start(): Promise<void> {
    const { host, port } = this.#address;
    const listening = once(this.#server, "listening");
    this.#server.listen({ host, port, backlog: this.#backlog });
    try {
      await listening;
    } catch (error) {
      this.#isWanted = false;
      const cause = error as NodeJS.ErrnoException;
      throw new SluiceError(
        "ERR_SLUICE_LISTEN",
        explain(cause, { host, port }),
        { cause },
      );
    }
    const bound = this.#server.address();
    if (bound !== null && typeof bound === "object")
      this.#address = { host, port: bound.port };
  }
}

function explain(
  { code, message }: NodeJS.ErrnoException,
  { host, port }: ServerAddress,
): string {
  const where = `cannot listen on ${host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return `${where}: another process uses the port; choose another, or 0 for any`;
    case "EACCES":
      return `${where}: no permission; ports below 1024 need a privilege`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${where}: the host is no address of this machine`;
    case undefined:
    default:
      return `${where}: ${message}`;
  }
}
