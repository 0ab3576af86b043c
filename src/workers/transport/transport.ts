import type { SocketHandle } from "../../protocol/socket-handle.ts";

/** What a transport tells its owner. */
export interface TransportEvents<Owner> {
  /** @param chunk - Is overwritten once the call has returned. */
  readonly read: (owner: Owner, chunk: Buffer) => void;
  /** The peer sends nothing any more. */
  readonly ended: (owner: Owner) => void;
  /** The connection is over: both sides have ended it, or it broke. */
  readonly closed: (owner: Owner) => void;
  /** Something that the kernel did not take at once is taken. */
  readonly taken: (owner: Owner) => void;
}

/**
 * The bytes of one TCP connection, in and out. It reads from the beginning.
 * After {@link Transport.destroy} and {@link Transport.detach} it tells nothing
 * any more; nothing is told from within a call of a method.
 */
export interface Transport {
  /** What its bytes go through; `undefined` once it is closed. */
  readonly handle: SocketHandle | undefined;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Read, and not yet told. */
  readonly unreadBytes: number;
  /** Written, and not yet taken by the kernel: whole writes. */
  readonly unwrittenBytes: number;
  /** The same, to the byte: it changes whenever the kernel takes something. */
  readonly unsentBytes: number;
  /** Neither ended nor broken. */
  readonly isWritable: boolean;
  /** The peer's, as long as the system knows it; else "". */
  readonly remoteAddress: string;
  /** Names who is told of what happens. */
  listen<Owner>(owner: Owner, events: TransportEvents<Owner>): void;
  write(piece: Uint8Array): void;
  writeAll(pieces: readonly Uint8Array[]): void;
  /** What the peer sends stays in the kernel. */
  pause(): void;
  resume(): void;
  /**
   * Ends our side, behind what was written.
   *
   * @param then - Called when the kernel has the end.
   */
  end(then?: () => void): void;
  /** Ends both sides now. */
  destroy(): void;
  /**
   * Takes the handle out of it and to `give`. The caller has made sure that
   * nothing is buffered in either direction.
   *
   * @param give - Posts the handle, with it in the transfer list; may throw, and
   *   the transport is as before then.
   * @throws Error when it is closed or encrypted, and what `give` throws.
   */
  detach(give: (handle: SocketHandle) => void): void;
}

/**
 * All plain connections of the thread read into this one buffer, and what has to
 * outlast the reading is copied out. Otherwise Node allocates 64 KiB for every
 * read and gives most of it back, which is more work than a small message is.
 * It is as large as it is for the sake of large messages: one that has arrived
 * whole is read in one piece, and needs no assembling.
 */
export const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);
