import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Reading, SocketHandle } from "../../protocol/socket-handle.ts";
import { HandleTransport } from "./handle-transport.ts";
import { openSecureSocket } from "./secure-socket.ts";
import { StreamTransport, streamReading } from "./stream-transport.ts";
import type { Transport } from "./transport.ts";

/**
 * How plain connections are opened that have come to this thread.
 *
 * @param handleFault - Why not by their handles, if not.
 * @param adopt - Puts a socket around a handle.
 */
export function openTcp(
  handleFault: string | undefined,
  adopt: (handle: SocketHandle, onread: Reading) => Socket,
): (handle: SocketHandle) => Transport {
  return handleFault === undefined
    ? (handle) => new HandleTransport(handle)
    : (handle) => new StreamTransport(adopt(handle, streamReading), false);
}

/** Opens a connection with TLS. */
export function openSecure(
  handle: SocketHandle,
  secureContext: SecureContext,
): Transport {
  return new StreamTransport(openSecureSocket(handle, secureContext), true);
}
