import type { Transport, TransportEvents } from "./transport.ts";

/** Of a connection whose peer has gone while it was on its way to this thread. */
export class GoneTransport implements Transport {
  readonly handle = undefined;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  readonly unreadBytes = 0;
  readonly unwrittenBytes = 0;
  readonly unsentBytes = 0;
  readonly isWritable = false;
  readonly remoteAddress = "";

  listen<Owner>(owner: Owner, { closed }: TransportEvents<Owner>): void {
    process.nextTick(closed, owner);
  }

  write(): void {}
  writeAll(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}

  detach(): never {
    throw new Error("the connection is closed");
  }
}
