import type { Duplex } from "node:stream";
import type { Reading } from "../../../src/protocol/socket-handle.ts";

/** What is done to a connection, at the server's end of it or at its peer's. */
export type Act =
  | { readonly does: "server writes" | "peer writes"; readonly bytes: number }
  | {
      readonly does:
        | "server pauses"
        | "server reads on"
        | "server ends"
        | "server destroys"
        | "server resets"
        | "peer ends"
        | "peer resets";
    };

/** What was seen of it at both ends. */
export interface Seen {
  /** At the server's end, in order. */
  readonly events: readonly string[];
  /** Bytes that the server's end has read. */
  readonly read: number;
  /** Bytes that the peer has read. */
  readonly heard: number;
  /** How the server's end of it came to the peer. */
  readonly end: "none" | "end" | "reset";
}

/** A connection, of whatever make. */
export interface Ends {
  act(act: Act): void;
  readonly seen: Seen;
  /** Resolves when nothing is under way any more, or this has been seen. */
  settled(expected: Seen | undefined): Promise<void>;
  close(): Promise<void>;
}

/** What both makes of socket are watched by. */
export class Watched {
  readonly events: string[] = [];
  read = 0;
  readonly reading: Reading = {
    buffer: new Uint8Array(64 * 1024),
    callback: (length) => {
      this.read += length;
      this.onChange();
    },
  };
  onChange: () => void = () => {};

  watch(socket: Duplex): void {
    const note = (event: string): void => {
      this.events.push(event);
      this.onChange();
    };
    socket.on("end", () => note("end"));
    socket.on("finish", () => note("finish"));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => note(String(code)));
    socket.on("close", () => note("close"));
  }

  /** @returns whether it was the server's to do */
  act(socket: Duplex & { resetAndDestroy(): unknown }, act: Act): boolean {
    switch (act.does) {
      case "server writes":
        if (socket.writable) socket.write(Buffer.alloc(act.bytes, "s"));
        break;
      case "server pauses":
        socket.pause();
        break;
      case "server reads on":
        socket.resume();
        break;
      case "server ends":
        socket.end();
        break;
      case "server destroys":
        socket.destroy();
        break;
      case "server resets":
        socket.resetAndDestroy();
        break;
      case "peer writes":
      case "peer ends":
      case "peer resets":
        return false;
    }
    return true;
  }
}
