import { once } from "node:events";
import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { SluiceError } from "../errors.ts";
import type { ListeningAdmin } from "../main/inspector.ts";
import {
  listeningHandleOf,
  listenWith,
  type SocketHandle,
} from "../protocol/socket-handle.ts";

export const DEFAULT_PORT = 8081;
/** Tried after the default one, so that several servers on one machine are told apart by counting. */
const NEXT_PORTS = 9;
/** As Node's own. */
const BACKLOG = 511;

/** Where the inspector's HTTP server has its connections from: the system's TCP, or that of a simulation. */
export interface AdminListener {
  /** The listening socket, to be shared with another process. */
  readonly handle: SocketHandle | undefined;
  /**
   * Starts to accept.
   *
   * @returns the port.
   * @throws SluiceError `ERR_SLUICE_ADMIN`.
   */
  listen(host: string, port: number | "auto"): Promise<number>;
  /**
   * The same with the listening socket of another process.
   *
   * @returns the port.
   */
  takeOver(inherited: ListeningAdmin): Promise<number>;
  /** Accepts no more, and leaves every connection alone: calls under way are answered. */
  stop(): void;
  /** Accepts no more; resolves when the last connection has ended. */
  close(): Promise<void>;
}

export type CreateAdminListener = (http: Server) => AdminListener;

/** Listens on TCP. */
export class TcpAdminListener implements AdminListener {
  readonly #http: Server;
  #hasStopped = false;

  constructor(http: Server) {
    this.#http = http;
  }

  get handle(): SocketHandle | undefined {
    return listeningHandleOf(this.#http);
  }

  listen(host: string, port: number | "auto"): Promise<number> {
    return listenAdmin(this.#http, host, port);
  }

  takeOver(inherited: ListeningAdmin): Promise<number> {
    return listenOn(this.#http, inherited);
  }

  stop(): void {
    this.#hasStopped = true;
    stopListening(this.#http);
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#hasStopped) stopListening(this.#http, resolve);
    else this.#http.close(() => resolve());
    return promise;
  }
}

/**
 * Accepts no more, and leaves every connection alone: an HTTP server that is
 * closed also ends those that were accepted and have not asked anything yet.
 */
function stopListening(server: Server, onClosed: () => void = () => {}): void {
  NetServer.prototype.close.call(server, onClosed);
}

/**
 * Listens on the port that was asked for, or, where none was, on the default
 * one or the next that is free: a second server on a machine must not fail for
 * want of an inspector.
 *
 * @returns the port.
 * @throws SluiceError `ERR_SLUICE_ADMIN`.
 */
async function listenAdmin(
  server: Server,
  host: string,
  port: number | "auto",
): Promise<number> {
  const candidates =
    port === "auto"
      ? [
          ...Array.from(
            { length: NEXT_PORTS + 1 },
            (_, at) => DEFAULT_PORT + at,
          ),
          0,
        ]
      : [port];
  for (const [at, candidate] of candidates.entries()) {
    try {
      return await listen(server, host, candidate);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isTaken = code === "EADDRINUSE";
      if (isTaken && at < candidates.length - 1) continue;
      const why = isTaken
        ? "another process uses the port; choose another with adminPort, 0 for any, or leave it out for the next free one"
        : message;
      throw new SluiceError(
        "ERR_SLUICE_ADMIN",
        `the inspector cannot listen on ${host}:${candidate}: ${why}`,
        { cause: error },
      );
    }
  }
  throw new Error("there is always a last candidate");
}

/**
 * Listens with the socket of another process.
 *
 * @returns the port.
 */
async function listenOn(
  server: Server,
  { handle, port }: ListeningAdmin,
): Promise<number> {
  const listening = once(server, "listening");
  listenWith(server, handle, BACKLOG);
  await listening;
  return port;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const onError = (error: Error): void => {
    server.off("listening", onListening);
    reject(error);
  };
  const onListening = (): void => {
    server.off("error", onError);
    const address = server.address();
    resolve(
      address !== null && typeof address === "object" ? address.port : port,
    );
  };
  server.once("error", onError);
  server.once("listening", onListening);
  server.listen({ host, port });
  return promise;
}
