import { once } from "node:events";
import type { Server } from "node:http";
import { SluiceError } from "../errors.ts";
import type { ListeningAdmin } from "../main/inspector.ts";
import { listenWith } from "../protocol/socket-handle.ts";

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
