/** What a `ws` server does, alone or as one of node:cluster's workers. */
import { WebSocketServer } from "ws";
import type { SubjectOptions } from "../subject.ts";
import { createNodeServer, listen } from "./node-server.ts";

/**
 * Starts a `ws` server as a careful user would: no compression unless it is
 * what is measured, no limits below the defaults, TCP_NODELAY (which `ws` sets
 * itself).
 *
 * @returns The port it listens on.
 */
export async function serveWs(options: SubjectOptions): Promise<number> {
  const server = createNodeServer(options.tls);
  const perMessageDeflate = options.compression === true;
  const sockets = new WebSocketServer({ server, perMessageDeflate });
  const { clients } = sockets;
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    if (options.mode === "echo") {
      socket.on("message", (data, isBinary) => {
        socket.send(data, { binary: isBinary });
      });
    } else {
      socket.on("message", (data, isBinary) => {
        for (const client of clients) client.send(data, { binary: isBinary });
      });
    }
  });
  if (options.onSigterm === "close-loop") {
    process.once("SIGTERM", () => {
      server.close(() => process.exit(0));
      for (const client of clients) client.close(1001);
    });
  }
  return listen(server, options.port);
}
