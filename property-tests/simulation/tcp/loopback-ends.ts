import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import {
  adoptHandle,
  forgetHandle,
  handleOf,
  type SocketHandle,
} from "../../../src/protocol/socket-handle.ts";
import { type Act, type Ends, type Seen, Watched } from "./ends.ts";

/** What has not come by then does not come. */
const PATIENCE_MS = 5_000;

/** A connection over loopback. */
export class LoopbackEnds implements Ends {
  readonly #peer: Socket;
  readonly #socket: Socket;
  readonly #watched = new Watched();
  #heard = 0;
  #end: Seen["end"] = "none";
  /** What the peer may still do. */
  #peerMay: "write" | "reset" | "nothing" = "write";

  static async open(): Promise<LoopbackEnds> {
    const server = createServer({ pauseOnConnect: true });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const peer = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const [[accepted]] = (await Promise.all([
      once(server, "connection"),
      once(peer, "connect"),
    ])) as unknown as [[Socket]];
    server.close();
    const handle = handleOf(accepted) as SocketHandle;
    forgetHandle(accepted);
    return new LoopbackEnds(peer, handle);
  }

  private constructor(peer: Socket, handle: SocketHandle) {
    this.#peer = peer;
    this.#socket = adoptHandle(handle, this.#watched.reading);
    this.#watched.watch(this.#socket);
    peer.on("data", (bytes) => {
      this.#heard += bytes.length;
      this.#watched.onChange();
    });
    peer.on("end", () => this.#ended("end"));
    peer.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNRESET" || code === "EPIPE") this.#ended("reset");
    });
    this.#socket.resume();
  }

  get seen(): Seen {
    const { events, read } = this.#watched;
    return { events: [...events], read, heard: this.#heard, end: this.#end };
  }

  act(act: Act): void {
    if (this.#watched.act(this.#socket, act)) return;
    if (this.#end === "reset" || this.#peerMay === "nothing") return;
    if (act.does === "peer writes" && this.#peerMay === "write")
      this.#peer.write(Buffer.alloc(act.bytes, "p"));
    if (act.does === "peer ends" && this.#peerMay === "write") {
      this.#peerMay = "reset";
      this.#peer.end();
    }
    if (act.does !== "peer resets") return;
    this.#peerMay = "nothing";
    this.#peer.resetAndDestroy();
  }

  /** Whatever is seen too much shows in what comes after it. */
  async settled(expected: Seen | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = setTimeout(resolve, PATIENCE_MS);
    const look = (): void => {
      if (isDeepStrictEqual(this.seen, expected)) resolve();
    };
    this.#watched.onChange = look;
    look();
    await promise;
    clearTimeout(patience);
  }

  async close(): Promise<void> {
    this.#watched.onChange = () => {};
    for (const socket of [this.#socket, this.#peer]) {
      if (socket.closed) continue;
      const closed = once(socket, "close");
      socket.destroy();
      await closed;
    }
  }

  #ended(how: "end" | "reset"): void {
    if (this.#end === "none") this.#end = how;
    this.#watched.onChange();
  }
}
