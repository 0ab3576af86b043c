/** Bun.serve with a websocket handler; runs under Bun, not Node. */
import { announce, readOptions } from "./control.ts";
import { readTls } from "./node-server.ts";

/** As much of Bun's interface as is used here. */
interface BunRuntime {
  serve(options: object): BunServer;
  gc(synchronously: boolean): void;
}
interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
  publish(topic: string, data: string | Uint8Array): number;
}
interface BunSocket {
  send(data: string | Uint8Array): number;
  subscribe(topic: string): void;
}

const { Bun } = globalThis as unknown as { readonly Bun: BunRuntime };

const options = readOptions();
const topic = "all";
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  ...(options.tls ? { tls: readTls(options.tls) } : {}),
  fetch: (request: Request, self: BunServer) =>
    self.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: {
    perMessageDeflate: false,
    open: (socket: BunSocket) => {
      if (options.mode === "fan-out") socket.subscribe(topic);
    },
    message: (socket: BunSocket, data: string | Uint8Array) => {
      if (options.mode === "echo") socket.send(data);
      else server.publish(topic, data);
    },
  },
});
announce(server.port, () => {
  Bun.gc(true);
  Bun.gc(true);
});
