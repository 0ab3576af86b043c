import type { Server } from "node:http";
import type { Surroundings } from "../../serve.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import type { MemoryHandle } from "./memory-socket.ts";

type CreateListener = Surroundings["createAdminListener"];
type Listener = ReturnType<CreateListener>;

/** The inspector's own, where it is free to choose. */
const PORT = 8_081;

/** Processes that share it listen at one address. */
const LISTENING_SOCKET = { close: () => {} } as unknown as SocketHandle;

/** Gives the inspector's HTTP server, which is Node's own, connections in memory. */
export class SimAdminListener implements Listener {
  readonly #http: Server;
  readonly #open = new Set<object>();
  #isListening = false;
  #onEmpty: (() => void) | undefined;

  constructor(http: Server) {
    this.#http = http;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  get handle(): SocketHandle | undefined {
    return this.#isListening ? LISTENING_SOCKET : undefined;
  }

  listen(_host: string, port: number | "auto"): Promise<number> {
    this.#begin();
    return Promise.resolve(port === "auto" || port === 0 ? PORT : port);
  }

  takeOver({ port }: { readonly port: number }): Promise<number> {
    this.#begin();
    return Promise.resolve(port);
  }

  /** A caller's connection; in the main thread. */
  accept(handle: MemoryHandle): void {
    const socket = handle.adopt(undefined);
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
    this.#http.emit("connection", socket);
  }

  stop(): void {
    this.#isListening = false;
  }

  close(): Promise<void> {
    this.stop();
    this.#http.close();
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Its process is gone: Node's server looks for late requests no more. */
  abandon(): void {
    this.stop();
    this.#http.close();
  }

  /** Node's server keeps a list of its connections from here on. */
  #begin(): void {
    this.#isListening = true;
    this.#http.emit("listening");
  }
}
