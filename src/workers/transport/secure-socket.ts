import { constants } from "node:crypto";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { TlsMaterial } from "../../protocol/messages.ts";
import {
  adoptHandle,
  type SocketHandle,
} from "../../protocol/socket-handle.ts";

/**
 * What new connections are encrypted with. A client of TLS 1.2 may not ask for
 * the handshake again: each time costs a signature, and nothing here needs it
 * (TLS 1.3 has no such thing).
 */
export function secureContextOf({ key, cert }: TlsMaterial): SecureContext {
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  return createSecureContext({ key, cert, secureOptions });
}

/**
 * A TLS socket around a handle that has come to this thread.
 *
 * Of a socket that no `tls.Server` has made, Node tells what is wrong behind the
 * handshake by an event that it does not document, and goes on as if nothing had
 * happened. A record that cannot be decrypted is the end (RFC 8446, 6.2).
 */
export function openSecureSocket(
  handle: SocketHandle,
  secureContext: SecureContext,
): TLSSocket {
  const socket = new TLSSocket(adoptHandle(handle), {
    isServer: true,
    secureContext,
    ALPNProtocols: ["http/1.1"],
  });
  socket.on("_tlsError", () => socket.destroy());
  return socket;
}
