/** Echo over plain TCP (or TLS) without WebSocket: the floor under Node. */
import { createServer as createTcp, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { announce, collectNode, readOptions } from "./control.ts";
import { listen, readTls } from "./node-server.ts";

const options = readOptions();
const sockets = new Set<Socket>();

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  if (options.mode === "echo") {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    return;
  }
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  socket.on("data", (chunk: Buffer) => {
    for (const receiver of sockets) receiver.write(chunk);
  });
}

const server = options.tls
  ? createTls(readTls(options.tls), serve)
  : createTcp(serve);
announce(await listen(server), collectNode);
