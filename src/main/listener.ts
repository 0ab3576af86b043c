import { createServer, type Server, type Socket } from "node:net";
import { SluiceError } from "../errors.ts";

/** Where the server is reached. */
export interface ServerAddress {
  host: string;
  port: number;
}

/**
 * Accepts TCP. It can stop accepting and start again on the same port: while
 * it is suspended the operating system refuses, so load balancers and clients
 * notice at once.
 */
export class Listener {
  readonly #server: Server;
  readonly #backlog: number;
  #address: ServerAddress;

  constructor(
    { host, port, backlog }: ServerAddress & { backlog: number },
    onSocket: (socket: Socket) => void,
  ) {
    this.#address = { host, port };
    this.#backlog = backlog;
    // A socket that has read anything cannot be handed over, hence the pause.
    this.#server = createServer(
      { pauseOnConnect: true, noDelay: true },
      onSocket,
    );
  }

  /** With port 0: the port that the system chose, once it listens. */
  get address(): ServerAddress {
    return this.#address;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /**
   * Starts to accept.
   *
   * @throws SluiceError `ERR_SLUICE_LISTEN` when the address cannot be had.
   */
  listen(): Promise<void> {
    const { host, port } = this.#address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onError = (cause: NodeJS.ErrnoException): void =>
      reject(
        new SluiceError("ERR_SLUICE_LISTEN", explain(cause, { host, port }), {
          cause,
        }),
      );
    this.#server.once("error", onError);
    this.#server.listen({ host, port, backlog: this.#backlog }, () => {
      this.#server.off("error", onError);
      const bound = this.#server.address();
      if (bound !== null && typeof bound === "object")
        this.#address = { host, port: bound.port };
      resolve();
    });
    return promise;
  }

  /** Stops to accept; sockets already accepted live on. */
  suspend(): void {
    if (this.#server.listening) this.#server.close();
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
