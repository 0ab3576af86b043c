/** The HTTP or HTTPS server beneath the Node rivals. */
import { readFileSync } from "node:fs";
import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Server as NetServer } from "node:net";
import type { TlsFiles } from "../subject.ts";

/** As many as a listen queue may hold: no connection waits for a SYN's retry. */
const backlog = 4096;

/**
 * @param tls - Key and certificate; undefined: plain HTTP.
 * @returns A server that does not listen yet.
 */
export function createNodeServer(tls: TlsFiles | undefined): Server {
  if (tls === undefined) return createHttp();
  return createHttps(readTls(tls));
}

/** Key and certificate as Node's and Bun's options take them. */
export function readTls(files: TlsFiles): { key: string; cert: string } {
  return {
    key: readFileSync(files.keyFile, "utf8"),
    cert: readFileSync(files.certFile, "utf8"),
  };
}

/**
 * Listens on the loopback interface.
 *
 * @param server - Not listening yet.
 * @param port - 0 is any free one.
 * @returns The port.
 */
export async function listen(server: NetServer, port = 0): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen({ host: "127.0.0.1", port, backlog }, () => {
    const address = server.address();
    resolve(typeof address === "object" && address ? address.port : 0);
  });
  return promise;
}
