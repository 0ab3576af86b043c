import { once } from "node:events";
import type { Server } from "node:http";
import type { Config } from "../config.ts";
import { SluiceError } from "../errors.ts";
import type { SocketHandle } from "../protocol/socket-handle.ts";
import { listenWith } from "../transplant.ts";

/** Where the inspector is reached. */
export interface AdminAddress {
  readonly host: string;
  readonly port: number;
}

/** The inspector's listening socket, from another process. */
export interface ListeningAdmin extends AdminAddress {
  readonly handle: SocketHandle;
}

/** The inspector's listening socket on its way to another process. */
export interface PassedAdmin {
  readonly address: AdminAddress;
  readonly handle: SocketHandle;
  /** It has left: this process accepts on it no more. */
  close(): void;
}

export const DEFAULT_PORT = 8081;
/** Tried after the default one, so that several servers on one machine are told apart by counting. */
const NEXT_PORTS = 9;
/** As Node's own. */
const BACKLOG = 511;

/**
 * Listens on the port that was asked for, or, where none was, on the default
 * one or the next that is free: a second server on a machine must not fail for
 * want of an inspector.
 *
 * @returns the port.
 * @throws SluiceError `ERR_SLUICE_ADMIN`.
 */
export async function listenAdmin(
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

/** Whether a listening socket is where the inspector is to be reached. */
export function isSameAdmin(
  { adminHost, adminPort }: Pick<Config, "adminHost" | "adminPort">,
  { host, port }: AdminAddress,
): boolean {
  const isAnyPort = adminPort === "auto" || adminPort === 0;
  return host === adminHost && (isAnyPort || port === adminPort);
}

/**
 * Listens with the socket of another process.
 *
 * @returns the port.
 */
export async function listenOn(
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
