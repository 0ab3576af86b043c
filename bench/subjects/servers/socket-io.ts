/** Socket.IO with its websocket transport alone. */
import { createRequire } from "node:module";
import type { Server as HttpServer } from "node:http";
import { announce, collectNode, readOptions } from "./control.ts";
import { createNodeServer, listen } from "./node-server.ts";

/** As much of Socket.IO's interface as is used here. */
interface SocketIoModule {
  readonly Server: new (server: HttpServer, options: object) => IoServer;
}
interface IoServer {
  on(event: "connection", listener: (socket: IoSocket) => void): void;
  emit(event: string, data: string): void;
}
interface IoSocket {
  on(event: "m", listener: (data: string) => void): void;
  emit(event: "m", data: string): void;
}

// Installed beside the benchmark only: the project is to compile without it.
const { Server } = createRequire(import.meta.url)(
  "socket.io",
) as SocketIoModule;

const options = readOptions();
const server = createNodeServer(options.tls);
const io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
  // No heartbeat in the measured time: the others send none either.
  pingInterval: 600_000,
  // The default refuses a message of 1 MiB.
  maxHttpBufferSize: 16_777_216,
});
io.on("connection", (socket) => {
  socket.on("m", (data) => {
    if (options.mode === "echo") socket.emit("m", data);
    else io.emit("m", data);
  });
});
announce(await listen(server, options.port), collectNode);
